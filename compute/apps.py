"""The compute app."""

from django.apps import AppConfig


class ComputeConfig(AppConfig):
    """Registers the app."""

    name = "compute"
    default_auto_field = "django.db.models.BigAutoField"
