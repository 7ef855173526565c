"""What the operator's desk shows of price books; read as the service role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet
from django.utils import timezone

from marketplace import comparison, ports
from marketplace.models import CustomerGroup, Price, PriceBook, PriceBookVersion
from marketplace.ports import NamingContract

Status = PriceBookVersion.Status


@dataclass(frozen=True, slots=True)
class Edition:
    """A version and where it stands: draft, scheduled, current, past or withdrawn."""

    version: PriceBookVersion
    state: str


@dataclass(frozen=True, slots=True)
class ListedBook:
    """A book with whom it is for and what holds of it."""

    book: PriceBook
    #: How many customers pay by it; none is counted of the list for everybody.
    customers: int
    #: How many offers it prices now.
    offers: int
    current: PriceBookVersion | None
    coming: PriceBookVersion | None
    drafts: int
    past: int


def books() -> QuerySet[PriceBook]:
    """Return every book with whom it is for, the ones for everybody first."""
    found = PriceBook.objects.select_related("organization", "customer_group")
    return found.order_by("-is_default", "name", "pk")


def listed() -> list[ListedBook]:
    """Return every book with its versions; the same queries however many they are."""
    now = timezone.now()
    found = list(books())
    named = ports.contracts.customers()
    offers = _offers(now)
    members = dict(CustomerGroup.objects.order_by().values_list("pk").annotate(Count("members")))
    versions: dict[object, list[PriceBookVersion]] = {}
    for version in PriceBookVersion.objects.filter(book__in=found):
        versions.setdefault(version.book_id, []).append(version)
    return [
        _listed(
            book,
            editions(versions.get(book.pk, []), now),
            int(book.organization_id is not None)
            + members.get(book.customer_group_id, 0)
            + named.get(book.pk, 0),
            offers.get(book.pk, 0),
        )
        for book in found
    ]


def _offers(now: datetime) -> Mapping[object, int]:
    held = Price.objects.in_force(now).order_by()
    return dict(held.values_list("book").annotate(Count("offer", distinct=True)))


def _listed(book: PriceBook, found: Sequence[Edition], customers: int, offers: int) -> ListedBook:
    by_state: dict[str, list[PriceBookVersion]] = {}
    for edition in found:
        by_state.setdefault(edition.state, []).append(edition.version)
    return ListedBook(
        book=book,
        customers=customers,
        offers=offers,
        current=next(iter(by_state.get("current", [])), None),
        # Versions come newest first: the last of those to come is the next.
        coming=next(reversed(by_state.get("scheduled", [])), None),
        drafts=len(by_state.get("draft", [])),
        past=len(by_state.get("past", [])),
    )


def editions(versions: Sequence[PriceBookVersion], now: datetime) -> list[Edition]:
    """Return the versions, newest first, each with where it stands."""
    begun = [it for it in versions if _has_begun(it, now)]
    current = max(begun, key=_beginning, default=None)
    return [Edition(it, _state(it, current)) for it in sorted(versions, key=lambda it: -it.number)]


def _beginning(version: PriceBookVersion) -> tuple[datetime | None, int]:
    return version.effective_from, version.number


def _has_begun(version: PriceBookVersion, now: datetime) -> bool:
    begins = version.effective_from
    return version.status == Status.PUBLISHED and begins is not None and begins <= now


def _state(version: PriceBookVersion, current: PriceBookVersion | None) -> str:
    if version.status != Status.PUBLISHED:
        return version.status
    if version == current:
        return "current"
    return "scheduled" if version.is_scheduled else "past"


def versions() -> QuerySet[PriceBookVersion]:
    """Return every version with its book."""
    return PriceBookVersion.objects.select_related(
        "book__organization", "book__customer_group", "published_by"
    )


def prices(book: PriceBook) -> list[comparison.Line]:
    """Return what the book says now."""
    held = Price.objects.in_force(timezone.now()).filter(book=book).select_related("offer")
    return comparison.current(book, list(held))


def contracts(book: PriceBook) -> Sequence[NamingContract]:
    """Return the contracts that name the book."""
    return ports.contracts.naming(book.pk)


def groups() -> QuerySet[CustomerGroup]:
    """Return the customer groups with how many belong to each."""
    return CustomerGroup.objects.annotate(member_count=Count("members")).order_by("name", "pk")


def has_anything(book: PriceBook) -> bool:
    """Whether the book says anything that holds or will."""
    return Price.objects.lasting(timezone.now()).filter(book=book).exists()
