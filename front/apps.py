"""The front app."""

from importlib import import_module

from django.apps import AppConfig


class FrontConfig(AppConfig):
    """Registers the app, and answers what tenancy asks."""

    name = "front"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the answers; they need the models to be there."""
        import_module("front.answers")
        import_module("front.webhook_types")
