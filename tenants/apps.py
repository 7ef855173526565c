"""The tenants app."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Registers the app."""

    name = "tenants"
