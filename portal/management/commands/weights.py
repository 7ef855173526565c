"""``manage.py weights MODEL ADDRESS --by STAFF``: let a model be taught from where its weights lie."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.database import service
from common.errors import DomainError
from marketplace.models import ModelVersion
from marketplace.services import weights
from tenants.models import User


class Command(BaseCommand):
    """Says where a model's weights lie."""

    help = "Say where the weights of a model lie, so that fine-tuning jobs can teach it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the model, where it lies, and who answers for it."""
        parser.add_argument("model", metavar="MODEL", help="the model's address in the catalogue")
        parser.add_argument("address", help="file:///FOLDER as clusters read it; '' to end it")
        parser.add_argument("--label", help="which version; the newest where none is named")
        parser.add_argument("--by", required=True, metavar="STAFF", help="a member of staff")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at what lies there, and say so."""
        with service():
            by = User.objects.filter(email=options["by"].lower(), is_staff=True).first()
            version = self._version(options["model"], options["label"])
            if by is None:
                raise CommandError(f"{options['by']!r} is not a member of staff.")
            try:
                version = weights.place(version, options["address"], by=by)
            except DomainError as refusal:
                raise CommandError(str(refusal.detail)) from refusal
        self.stdout.write(f"{version} is taught from {version.weights or 'nowhere'}.")

    def _version(self, slug: str, label: str | None) -> ModelVersion:
        versions = ModelVersion.objects.select_related("model").filter(model__slug=slug)
        if label:
            versions = versions.filter(label=label)
        if (found := versions.first()) is None:
            raise CommandError(f"There is no such version of a model at {slug!r}.")
        return found
