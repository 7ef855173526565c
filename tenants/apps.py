"""The tenants app."""

from importlib import import_module

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registers the app, and how the API's description tells of keys."""

    name = "tenants"

    def ready(self) -> None:
        """Register the scheme; it needs the apps to be loaded."""
        import_module("tenants.schema")
