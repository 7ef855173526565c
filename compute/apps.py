"""The compute app."""

from importlib import import_module

from django.apps import AppConfig


class ComputeConfig(AppConfig):
    """Registers the app, and lets it hear of its own jobs."""

    name = "compute"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the receivers; they need the apps to be loaded."""
        import_module("compute.receivers")
