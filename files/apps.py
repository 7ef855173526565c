"""The files app."""

from django.apps import AppConfig


class FilesConfig(AppConfig):
    """Registers the app."""

    name = "files"
    default_auto_field = "django.db.models.BigAutoField"
