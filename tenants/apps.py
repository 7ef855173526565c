"""The tenants app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registers the app."""

    name = "tenants"

    def ready(self) -> None:
        """Listen to what happens to people."""
        from tenants import receivers  # noqa: F401, PLC0415 - needs the loaded apps
