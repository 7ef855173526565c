"""``manage.py tuned_price MODEL --by STAFF``: say what models made of a model cost."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.database import service
from common.errors import DomainError
from marketplace.models import Offer
from marketplace.services import tuned_terms
from tenants.models import User

PARTS = ("input", "output", "trained")


class Command(BaseCommand):
    """Says what models cost that customers make of a model."""

    help = "Say what models cost that customers make of a model; those that are there stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the model, the factor or the prices, and who answers for them."""
        parser.add_argument("model", metavar="MODEL", help="the model's name in the API")
        parser.add_argument("--factor", default="1", help="times the model's own price")
        for part in PARTS:
            parser.add_argument(f"--{part}", help=f"a million {part} tokens, instead of the factor")
        parser.add_argument("--by", required=True, metavar="STAFF", help="a member of staff")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say it, for models that are published from now on."""
        with service():
            by = User.objects.filter(email=options["by"].lower(), is_staff=True).first()
            offer = Offer.objects.filter(name=options["model"]).first()
            if by is None:
                raise CommandError(f"{options['by']!r} is not a member of staff.")
            if offer is None:
                raise CommandError(f"There is no model {options['model']!r}.")
            try:
                terms = tuned_terms.change(
                    offer,
                    factor=Decimal(options["factor"]),
                    per_million={it: Decimal(options[it]) for it in PARTS if options[it]},
                    by=by,
                )
            except InvalidOperation as error:
                raise CommandError("Factors and prices are numbers, such as 1.25.") from error
            except DomainError as refusal:
                raise CommandError(str(refusal.detail)) from refusal
        own = f", and of their own: {', '.join(terms.definitions)}" if terms.definitions else ""
        self.stdout.write(f"Models made of {offer} cost its price times {terms.factor}{own}.")
