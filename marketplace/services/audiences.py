"""Whom a price book is for, and the end of one: what :mod:`moves` does when its day has come."""

from datetime import datetime

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic
from marketplace import ports
from marketplace.errors import BookForEverybody, BookNamed, BookTaken, WrongCurrency
from marketplace.models import CustomerGroup, Offer, Price, PriceBook
from marketplace.services import books
from tenants.models import Organization, User
from tenants.services import audit


@atomic()
def assign(
    book: PriceBook,
    *,
    organization: Organization | None = None,
    group: CustomerGroup | None = None,
    by: User | None,
) -> PriceBook:
    """Make the book one customer's, a group's, or, without either, theirs whose contract names it.

    From then on new requests of those it is for are priced by it; what was used keeps its price.
    """
    book = PriceBook.objects.locked(book.pk)
    before = audience(book)
    if book.is_default:
        raise BookForEverybody
    if organization is not None and organization.currency != book.currency:
        raise WrongCurrency(field_errors={"organization": [WrongCurrency.detail]})
    named = {it.organization for it in ports.contracts.naming(book.pk)}
    if named and (group is not None or named - {organization}) and (organization or group):
        raise BookNamed
    book.organization, book.customer_group = organization, group
    if audience(book) == before:
        return book
    try:
        with atomic():
            book.save(update_fields=["organization", "customer_group", "updated_at"])
    except IntegrityError as error:
        raise BookTaken from error
    audit.record(
        organization=organization,
        actor=by,
        action="price_book.assigned",
        target=book,
        before={"book": book.code, **before},
        after={"book": book.code, **audience(book)},
    )
    return book


def payers(
    book: PriceBook, organization: Organization | None, group: CustomerGroup | None
) -> list[Organization]:
    """Return who may pay by the book if it is this customer's, or this group's, or of contracts."""
    found = [organization] if organization else []
    if group is not None:
        members = Organization.objects.filter(customer_group__group=group, currency=book.currency)
        found += members.order_by("pk")
    return found + [it.organization for it in ports.contracts.naming(book.pk) if it.holds]


def audience(book: PriceBook) -> dict[str, str | None]:
    """Return for whom the book is, by address and code."""
    organization, group = book.organization, book.customer_group
    return {
        "customer": organization.slug if organization else None,
        "group": group.code if group else None,
    }


@atomic()
def retire(book: PriceBook, *, by: User | None, at: datetime | None = None) -> int:
    """End all that a book says, scheduled prices too; answers of how many offers it was.

    Those it was for pay by the next book in the order.
    """
    book = PriceBook.objects.locked(book.pk)
    if book.is_default:
        raise BookForEverybody
    priced = Price.objects.lasting(at or timezone.now()).filter(book=book).values("offer")
    offers = list(Offer.objects.filter(pk__in=priced).order_by("pk"))
    for offer in offers:
        books.retire(book, offer, by=by, at=at)
    if offers:
        audit.record(
            organization=book.organization,
            actor=by,
            action="price_book.retired",
            target=book,
            before={"book": book.code, "offers": [it.name for it in offers]},
        )
    return len(offers)
