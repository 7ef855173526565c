"""``manage.py staff ADDRESS``: appoint the first member of the operator's staff, and others."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from common.errors import DomainError
from tenants.services import staff


class Command(BaseCommand):
    """Appoints a member of staff."""

    help = "Make the person with this e-mail address a member of the operator's staff."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address and, for somebody new, a name."""
        parser.add_argument("email", metavar="ADDRESS")
        parser.add_argument("--name", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Appoint, and say how to sign in."""
        try:
            user, is_new = staff.appoint(options["email"], name=options["name"])
        except DomainError as refusal:
            raise CommandError(f"{options['email']!r}: {refusal.detail}") from None
        if not is_new:
            self.stdout.write(f"{user.email} is a member of staff already.")
            return
        sign_in = settings.PUBLIC_URL + reverse("account_request_login_code")
        self.stdout.write(
            f"{user.email} is a member of staff. Sign in with a code at {sign_in}, set up a passkey"
            f" or an authenticator app, then open {settings.PUBLIC_URL}{reverse('staff:overview')}."
        )
