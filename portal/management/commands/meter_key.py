"""``manage.py meter_key SLUG --by ADDRESS``: a key for a meter of the operator's own."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.database import service
from tenants.key_scopes import METERING, METERING_ANY
from tenants.models import Organization, User
from tenants.services import api_keys


class Command(BaseCommand):
    """Makes a key that reports usage of every customer."""

    help = "Make a key for a meter that counts for every customer: a proxy, an engine's exporter."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whose key it is, who answers for it, and what it is called."""
        parser.add_argument("slug", metavar="SLUG", help="address of the operator's organization")
        parser.add_argument("--by", required=True, metavar="ADDRESS", help="a member of staff")
        parser.add_argument("--name", default="Meter")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, and print its text this once."""
        with service():
            organization = Organization.objects.filter(slug=options["slug"]).first()
            by = User.objects.filter(email=options["by"].lower(), is_staff=True).first()
            if organization is None:
                raise CommandError(f"{options['slug']!r} is not an organization's address.")
            if by is None:
                raise CommandError(f"{options['by']!r} is not a member of staff.")
            scopes = (METERING, METERING_ANY)
            minted = api_keys.create(organization, name=options["name"], by=by, scopes=scopes)
        self.stdout.write(
            f"{minted.text}\nShown this once. It reports usage of every customer while {by.email} "
            f"is staff; revoke it among the keys of {organization.name}."
        )
