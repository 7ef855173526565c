"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Registers the app."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"
