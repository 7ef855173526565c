"""``manage.py demo``: seed the demo operator, once."""

from typing import Any

from django.core.management.base import BaseCommand

from portal import demo


class Command(BaseCommand):
    """Seeds the demo."""

    help = "Seed the demo operator once; sign-ins and keys are written to demo.json."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, and say where the sign-ins are."""
        demo.seed()
        self.stdout.write(f"The demo's sign-ins stand in {demo.path()}.")
