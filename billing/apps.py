"""The billing app."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Registers the app, and answers what the apps below ask."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load the answers; they need the models to be there."""
        import_module("billing.answers")
        import_module("billing.receivers")
        import_module("billing.webhook_types")
