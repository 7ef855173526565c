"""The demo operator's prices for a group of customers: one version in force, and a draft."""

from decimal import Decimal

from common.database import service
from marketplace.models import CustomerGroup, PriceBookVersion
from marketplace.models.prices import scaled
from marketplace.services import books, drafting, pricing
from marketplace.services.drafting import Place
from tenants.models import Organization, User

CODE = "public-bodies"
NAME = "Public bodies"
#: A tenth below the list, then a little less for what is read.
SHARE = Decimal("0.9")
DRAFTED = Decimal(-5)


def seed(member: Organization, *, by: User) -> None:
    """Let a customer pay a tenth less than the list, once; whole or not at all."""
    with service():
        if CustomerGroup.objects.filter(code=CODE).exists():
            return
        group = books.open_group(code=CODE, name=NAME, by=by)
        books.join(member, group, by=by)
        book = books.create(code=CODE, name=NAME, currency="EUR", by=by, group=group)
        first = books.draft(book, by=by, note="A tenth below the list")
        _copy_the_list(first, by)
        books.publish(first, by=by)
        second = drafting.begin(book, by=by, note="Prompts five per cent cheaper")
        drafting.adjust(second, percent=DRAFTED, parts=["input"], by=by)


def _copy_the_list(version: PriceBookVersion, by: User) -> None:
    listed = pricing.default_book(version.book.currency).prices.standard()
    prices = {
        Place(it.offer, it.token_part, it.service_tier): scaled(it.definition, SHARE)
        for it in listed.filter(effective_until=None).select_related("offer")
    }
    drafting.replace(version, prices, by=by)
