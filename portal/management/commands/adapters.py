"""``manage.py adapters SERVER --by STAFF``: let a server take adapters while it runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.database import service
from marketplace.models import Upstream
from marketplace.services import upstreams
from tenants.models import User


class Command(BaseCommand):
    """Says whether a server takes adapters."""

    help = "Let a server of base models take adapters while it runs, as vLLM can be allowed to."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the server, and who answers for it."""
        parser.add_argument("server", metavar="SERVER", help="the server's short name")
        parser.add_argument("--off", action="store_true", help="let it take none from now on")
        parser.add_argument("--by", required=True, metavar="STAFF", help="a member of staff")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say it."""
        with service():
            by = User.objects.filter(email=options["by"].lower(), is_staff=True).first()
            server = Upstream.objects.filter(slug=options["server"]).first()
            if by is None:
                raise CommandError(f"{options['by']!r} is not a member of staff.")
            if server is None:
                raise CommandError(f"There is no server {options['server']!r}.")
            upstreams.let_load_adapters(server, is_allowed=not options["off"], by=by)
        self.stdout.write(f"{server} takes {'no adapters' if options['off'] else 'adapters'} now.")
