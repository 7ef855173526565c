"""Whom a price change raises: by books for many whoever may pay them, by others who they are for.

Nobody raises a price alone sooner than those who pay it were promised to be told. What a contract
was signed for is its customer's word as well: the first version of its book holds when it says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from marketplace import ports, rising
from marketplace.models import CustomerGroup, Offer, PriceBook, PriceBookVersion, PriceMove
from marketplace.models.catalogue import LIVE
from marketplace.rising import Said
from marketplace.services import notices
from tenants.models import Organization

FIELD = "effective_from"


def payers(book: PriceBook) -> list[Organization]:
    """Return the customers a book is for: its own, its group's, of contracts that were signed.

    Those it will be for by what is planned are among them.
    """
    found = _audience(book, book.organization, book.customer_group)
    for move in PriceMove.objects.planned().filter(kind=PriceMove.Kind.AUDIENCE, book=book):
        found += _audience(book, move.customer, move.group)
    named = ports.contracts.naming(book.pk)
    return list(dict.fromkeys([*found, *(it.organization for it in named if not it.is_draft)]))


def _audience(
    book: PriceBook, customer: Organization | None, group: CustomerGroup | None
) -> list[Organization]:
    found = [customer] if customer else []
    if group is not None:
        members = Organization.objects.filter(customer_group__group=group, currency=book.currency)
        found += members.order_by("pk")
    return found


def moments(book: PriceBook, at: datetime) -> list[datetime]:
    """Return the instant, and those after it at which a signed contract lets a customer pay by it."""
    named = ports.contracts.naming(book.pk)
    later = {it.begins for it in named if not it.is_draft and it.begins and it.begins > at}
    return [at, *sorted(later)]


def says_more(book: PriceBook, offer: Offer, at: datetime, definitions: Said) -> bool:
    """Whether a book would come to say more of an offer than it does, to whoever pays by it.

    Of a book for many, what the list says counts as said by it until it says something itself.
    """
    if offer.status not in LIVE:
        return False
    held, is_own = rising.said(book, offer, at)
    if not notices.is_for_many(book) and not (is_own and payers(book)):
        return False
    # A book that prices an offer prices all of it: what the list said beside is no more.
    kept = held if is_own else {}
    after = {tier: {**kept.get(tier, {}), **own} for tier, own in definitions.items()}
    return bool(rising.between(held, after))


@contextmanager
def refusing(
    book: PriceBook, offer: Offer, at: datetime, version: PriceBookVersion | None
) -> Iterator[None]:
    """Refuse what is done within, where it lets a customer of the book pay more too soon.

    That is by a book that begins to price an offer: until then they paid by another. Whose contract
    begins later pays by it from then on, and who would have come to pay less meanwhile, too.
    """
    is_theirs = offer.status in LIVE and not notices.is_for_many(book)
    customers = payers(book) if is_theirs and not _was_signed(book, version) else []
    uses = [(it, offer) for it in customers]
    soon = notices.instants(uses, until=timezone.now() + settings.PRICE_NOTICE)
    promised = {*moments(book, at), *(it for it in soon if it > at)}
    with notices.keeping_promise(uses, promised, field=FIELD):
        yield


def _was_signed(book: PriceBook, version: PriceBookVersion | None) -> bool:
    """Whether this is the first that a book says, and a signed contract names it."""
    if version is None or all(it.is_draft for it in ports.contracts.naming(book.pk)):
        return False
    drafts = PriceBookVersion.Status.DRAFT
    return not book.versions.exclude(pk=version.pk).exclude(status=drafts).exists()
