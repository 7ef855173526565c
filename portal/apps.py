"""The composition root as an app: it knows every other one."""

import sys
from importlib import import_module

from django.apps import AppConfig

from portal.celery import app as celery_app


class PortalConfig(AppConfig):
    """Registers every task, so that a misspelt one fails where it is named, and the answers."""

    name = "portal"

    def ready(self) -> None:
        """Load the tasks of all apps, what the portal answers to the marketplace, and the API's words.

        Not in the gateway, which shows no page and asks for no task: what these need (documents,
        fonts, forms) would take as much memory there as all the rest of it.
        """
        if sys.argv[1:2] == ["gateway"]:
            return
        celery_app.autodiscover_tasks(force=True)
        import_module("portal.answers")
        import_module("portal.task_counts")
        import_module("tenants.schema")
