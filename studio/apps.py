"""The studio app."""

from django.apps import AppConfig


class StudioConfig(AppConfig):
    """Registers the app."""

    name = "studio"
    default_auto_field = "django.db.models.BigAutoField"
