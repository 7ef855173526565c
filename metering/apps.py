"""The metering app."""

from importlib import import_module

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Registers the app, and answers what the apps below ask."""

    name = "metering"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the answers; they need the models to be there."""
        import_module("metering.answers")
