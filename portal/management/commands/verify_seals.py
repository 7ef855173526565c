"""``manage.py verify_seals``: is every receipt what it was when it was sealed?"""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.services import verifying


class Command(BaseCommand):
    """Compares the chain of seals with its signatures and with the receipts."""

    help = "Compare all seals with each other, their signatures and the receipts they seal."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how far back receipts are compared."""
        parser.add_argument(
            "--days", type=int, help="compare receipts of so many days; all, if left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, tell what was found, and fail when anything is not as it was sealed."""
        days = options["days"]
        since = timezone.now() - timedelta(days=days) if days is not None else None
        check = verifying.verify(since)
        for problem in check.problems:
            self.stderr.write(problem)
        found = f"{check.through} seals and {check.receipts} receipts compared"
        if check.problems:
            raise CommandError(f"{found}: {len(check.problems)} are not as they were sealed.")
        self.stdout.write(f"{found}: all are as they were sealed.")
