"""The composition root as an app: it knows every other one."""

from django.apps import AppConfig

from portal.celery import app as celery_app


class PortalConfig(AppConfig):
    """Registers the app, and every task, so that a misspelt one fails where it is named."""

    name = "portal"

    def ready(self) -> None:
        """Load the tasks of all apps."""
        celery_app.autodiscover_tasks(force=True)
