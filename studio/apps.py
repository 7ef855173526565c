"""The studio app."""

from importlib import import_module

from django.apps import AppConfig


class StudioConfig(AppConfig):
    """Registers the app, and lets it hear what the apps below tell."""

    name = "studio"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers; they need the apps to be loaded."""
        import_module("studio.receivers")
        import_module("studio.webhook_types")
