"""The common app."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Registers the app."""

    name = "common"
    default_auto_field = "django.db.models.BigAutoField"
