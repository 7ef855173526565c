"""The composition root as an app: it knows every other one."""

from importlib import import_module

from django.apps import AppConfig

from portal.celery import app as celery_app


class PortalConfig(AppConfig):
    """Registers every task, so that a misspelt one fails where it is named, and the answers."""

    name = "portal"

    def ready(self) -> None:
        """Load the tasks of all apps, and what the portal answers to the marketplace."""
        celery_app.autodiscover_tasks(force=True)
        import_module("portal.answers")
