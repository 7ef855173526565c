"""The metering app."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Registers the app."""

    name = "metering"
    default_auto_field = "django.db.models.BigAutoField"
