"""What lets customers pay by other prices: the end of a book, its audience, a customer's group.

It is done at once where nobody comes to pay more for what they used of late. Otherwise it is planned for
the day on which the notice that customers were promised is over, and they are told; never sooner. Where
somebody would pay more that day who was not told, it is put off for as long again, and they all are.
"""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from common.errors import Conflict, DomainError, in_words
from common.languages import listed
from marketplace import viewers
from marketplace.errors import ModelLost, MovePlanned
from marketplace.models import AIModel, CustomerGroup, Offer, PriceBook, PriceMove
from marketplace.services import audiences, books, notices
from tenants.models import Organization, User
from tenants.services import audit

Kind, Status = PriceMove.Kind, PriceMove.Status


def end(book: PriceBook, *, offer: Offer | None = None, by: User) -> PriceMove | int:
    """End what a book says of an offer, or all; answers how many offers, or what is planned."""
    return _make(PriceMove(kind=Kind.END, book=book, offer=offer, planned_by=by))


def assign(
    book: PriceBook,
    *,
    organization: Organization | None = None,
    group: CustomerGroup | None = None,
    by: User,
) -> PriceMove | int:
    """Make the book another audience's; answers what is planned, if it is not done."""
    whom = {"customer": organization, "group": group}
    return _make(PriceMove(kind=Kind.AUDIENCE, book=book, planned_by=by, **whom))


def join(organization: Organization, group: CustomerGroup | None, *, by: User) -> PriceMove | int:
    """Put the customer into the group, or into none; answers what is planned, if it is not done.

    Raises :class:`ModelLost` where they would not see a model any more that they used of late: whom
    models are shown to is two people's to say.
    """
    facts = {"customer": organization, "group": group}
    return _make(PriceMove(kind=Kind.GROUP, planned_by=by, **facts))


@atomic()
def take_back(move: PriceMove, *, by: User) -> PriceMove:
    """Close what has not come about: prices stay as they are."""
    notices.one_at_a_time()
    move = PriceMove.objects.locked(move.pk)
    if move.status != Status.PLANNED:
        raise Conflict
    return _close(move, Status.WITHDRAWN, _uses(move), by)


@atomic()
def do_due(move: PriceMove) -> PriceMove:
    """Do what was planned for a day that has come, if it still can be; once, whoever else tries.

    It is put off where somebody came to pay more by it since it was planned, and was not told.
    """
    notices.one_at_a_time()
    move = PriceMove.objects.locked(move.pk)
    if move.status != Status.PLANNED:
        raise Conflict
    uses, promised = _uses(move), timezone.now() + settings.PRICE_NOTICE
    soon = notices.instants(uses, until=promised)
    try:
        rises = notices.rises(uses, lambda: _act(move), [None, *soon])
        if notices.untold(move, rises):
            notices.take_back(move)
            _plan(move, uses, promised, None)
            notices.tell_anew(uses)
            return move
        with atomic():
            _act(move)
    except DomainError as refusal:
        move.answer = in_words(refusal)[:1000]
        return _close(move, Status.FAILED, uses, None)
    _moved(move, Status.DONE, None)
    notices.tell_anew(uses)
    return move


@atomic()
def _make(move: PriceMove) -> PriceMove | int:
    # Two moves that pass each other could raise together what neither raises alone.
    notices.one_at_a_time()
    if move.book is not None:
        # As it is now: somebody may have given it to others since it was read.
        move.book = PriceBook.objects.locked(move.book.pk)
    _refuse_planned(move)
    uses, promised = _uses(move), timezone.now() + settings.PRICE_NOTICE
    soon = notices.instants(uses, until=promised)
    if notices.rises(uses, lambda: _act(move), [None, *soon]):
        return _plan(move, uses, promised, move.planned_by)
    done = _act(move)
    notices.tell_anew(uses)
    return done


def _close(
    move: PriceMove, status: PriceMove.Status, uses: list[notices.Use], by: User | None
) -> PriceMove:
    """Let what was planned not come about: what was told with it holds no more, but for prices."""
    notices.take_back(move)
    _moved(move, status, by)
    notices.tell_anew(uses)
    return move


def _refuse_planned(move: PriceMove) -> None:
    """Refuse a move beside one that is told of: that would come about, and not as it was told."""
    planned = PriceMove.objects.planned()
    if move.book is None:
        found = planned.filter(kind=Kind.GROUP, customer=move.customer)
    else:
        found = planned.filter(book=move.book)
        if move.offer is not None:
            found = found.filter(Q(kind=Kind.AUDIENCE) | Q(offer=None) | Q(offer=move.offer))
    if found.exists():
        raise MovePlanned


def _plan(move: PriceMove, uses: list[notices.Use], at: datetime, by: User | None) -> PriceMove:
    """Let it come about at the instant, and tell who pays more from then on, or later by it."""
    move.takes_effect_at = at
    rises = notices.rises(uses, lambda: _act(move), [at]).get(at, {})
    after = [instant for instant in notices.instants(uses) if instant > at]
    later = notices.beginning(uses, lambda: _act(move), after)
    try:
        with atomic():
            _moved(move, Status.PLANNED, by)
    except IntegrityError as error:
        raise MovePlanned from error
    notices.tell_of_move(move, rises, later)
    return move


def _uses(move: PriceMove) -> list[notices.Use]:
    """Return what they used of late whose prices the move may change."""
    if move.book is None:
        customers = {move.customer} if move.customer else set()
    else:
        customers = set(
            audiences.payers(move.book, move.book.organization, move.book.customer_group)
        )
    if move.kind == Kind.AUDIENCE and move.book is not None:
        customers |= set(audiences.payers(move.book, move.customer, move.group))
    return notices.used_by(customers)


def _act(move: PriceMove) -> int:
    """Do it; answers of how many offers or customers it is."""
    return ACTS[move.kind](move)


def _end(move: PriceMove) -> int:
    assert move.book is not None  # noqa: S101 - the database says so too
    if move.offer is None:
        return audiences.retire(move.book, by=move.planned_by)
    return int(bool(books.retire(move.book, move.offer, by=move.planned_by)))


def _assign(move: PriceMove) -> int:
    assert move.book is not None  # noqa: S101 - the database says so too
    audiences.assign(move.book, organization=move.customer, group=move.group, by=move.planned_by)
    return 1


def _join(move: PriceMove) -> int:
    assert move.customer is not None  # noqa: S101 - the database says so too
    seen = _seen(move.customer)
    books.join(move.customer, move.group, by=move.planned_by)
    kept = _seen(move.customer)
    if lost := [it.name for it in seen if it not in kept]:
        sentence = _(
            "The customer used %(models)s in the last 90 days and would lose it. A colleague has to "
            "agree: first show it to the customer by name."
        )
        raise ModelLost(sentence % {"models": listed(lost)})
    return 1


def _seen(customer: Organization) -> list[AIModel]:
    """Return the models that the customer used of late and is shown now, by name."""
    used = {offer.model_version.model for _user, offer in notices.used_by([customer])}
    seen = [it for it in used if viewers.within(viewers.of(it), [customer])]
    return sorted(seen, key=lambda it: it.name)


ACTS: dict[str, Callable[[PriceMove], int]] = {
    Kind.END: _end,
    Kind.AUDIENCE: _assign,
    Kind.GROUP: _join,
}


def _moved(move: PriceMove, status: PriceMove.Status, by: User | None) -> PriceMove:
    move.status = status
    move.save()
    audit.record(
        organization=move.customer,
        actor=by,
        action=f"price_move.{status.value}",
        target=move,
        after={
            "kind": move.kind,
            "book": move.book.code if move.book else None,
            "offer": move.offer.name if move.offer else None,
            "customer": move.customer.slug if move.customer else None,
            "group": move.group.code if move.group else None,
            "takes_effect_at": move.takes_effect_at,
            "answer": move.answer,
        },
    )
    return move
