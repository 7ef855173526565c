"""The marketplace app."""

from importlib import import_module

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Registers the app, and answers what the apps below ask."""

    name = "marketplace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the answers; they need the models to be there."""
        import_module("marketplace.answers")
        import_module("marketplace.webhook_types")
