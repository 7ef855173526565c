"""Price books: who they are for, and their versions from a draft to history."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from django.db import IntegrityError
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from common.database import atomic
from common.languages import listed
from marketplace import definitions
from marketplace.errors import (
    BookTaken,
    DefaultBookNeeded,
    PriceIncomplete,
    PriceInThePast,
    VersionBegan,
    VersionEmpty,
    VersionFollowed,
    VersionNotDraft,
    WrongCurrency,
)
from marketplace.models import (
    CustomerGroup,
    DraftPrice,
    GroupMember,
    Kind,
    Offer,
    Price,
    PriceBook,
    PriceBookVersion,
    ServiceTier,
    TokenPart,
)
from marketplace.services import notices, pricing, raising
from tenants.models import Organization, User
from tenants.services import audit

Status = PriceBookVersion.Status


@atomic()
def create(
    *,
    code: str,
    name: str,
    currency: str,
    by: User | None,
    organization: Organization | None = None,
    group: CustomerGroup | None = None,
) -> PriceBook:
    """Open a book for one customer, for a group, or for whose contract names it."""
    if organization is not None and organization.currency != currency:
        raise WrongCurrency(field_errors={"currency": [WrongCurrency.detail]})
    try:
        with atomic():
            book = PriceBook.objects.create(
                code=code,
                name=name,
                currency=currency,
                organization=organization,
                customer_group=group,
                is_default=False,
            )
    except IntegrityError as error:
        raise BookTaken from error
    audit.record(
        organization=organization,
        actor=by,
        action="price_book.opened",
        target=book,
        after={"code": code, "name": name, "currency": currency},
    )
    return book


@atomic()
def draft(book: PriceBook, *, by: User | None, note: str = "") -> PriceBookVersion:
    """Begin a new version of a book, without prices; what it leaves out stays as it is."""
    book = PriceBook.objects.locked(book.pk)
    last: int | None = book.versions.aggregate(last=Max("number"))["last"]
    version = PriceBookVersion.objects.create(book=book, number=(last or 0) + 1, note=note)
    audit.record(
        organization=None,
        actor=by,
        action="price_version.drafted",
        target=version,
        after={"book": book.code, "number": version.number, "note": note},
    )
    return version


@atomic()
def put(
    version: PriceBookVersion,
    offer: Offer,
    prices: Mapping[tuple[str, str], Mapping[str, Any]],
) -> None:
    """Let a draft say of an offer just this, by part and service tier; nothing takes it out."""
    version = open_draft(version)
    for (part, tier), definition in prices.items():
        definitions.check(part, tier, definition)
    DraftPrice.objects.filter(version=version, offer=offer).delete()
    DraftPrice.objects.bulk_create(
        DraftPrice(
            version=version,
            offer=offer,
            token_part=part,
            service_tier=tier,
            definition=dict(definition),
        )
        for (part, tier), definition in prices.items()
    )


@atomic()
def discard(version: PriceBookVersion, *, by: User | None) -> None:
    """Throw a draft away."""
    version = open_draft(version)
    audit.record(
        organization=None,
        actor=by,
        action="price_version.discarded",
        target=version,
        before={"book": version.book.code, "number": version.number, "note": version.note},
    )
    version.delete()


@atomic()
def publish(
    version: PriceBookVersion, *, by: User | None, effective_from: datetime | None = None
) -> PriceBookVersion:
    """Set all prices of a draft from one instant on (now, if none is given), or none of them.

    From here on neither the version nor its prices change.
    """
    # Before any other lock, as whoever moves customers between prices.
    notices.one_at_a_time()
    book = PriceBook.objects.locked(version.book_id)
    version = open_draft(version)
    now = timezone.now()
    begins = effective_from or now
    if begins < now:
        raise PriceInThePast(field_errors={"effective_from": [PriceInThePast.detail]})
    drafts = list(version.drafts.select_related("offer__model_version__model").order_by("offer"))
    if not drafts:
        raise VersionEmpty
    version.status = Status.PUBLISHED
    version.effective_from, version.published_at, version.published_by = begins, now, by
    version.save()
    for offer in sorted({it.offer for it in drafts}, key=lambda it: it.pk):
        own = [it for it in drafts if it.offer_id == offer.pk]
        locked = Offer.objects.locked(offer.pk)
        pricing.apply(
            pricing.Change(locked, begins, by, book, version),
            {it.token_part: it.definition for it in own if it.service_tier == ServiceTier.STANDARD},
            {it.token_part: it.definition for it in own if it.service_tier == ServiceTier.BATCH},
        )
        _refuse_gaps(book, offer, begins)
    audit.record(
        organization=book.organization,
        actor=by,
        action="price_version.published",
        target=version,
        after={"book": book.code, "number": version.number, "effective_from": begins},
    )
    return version


@atomic()
def withdraw(version: PriceBookVersion, *, by: User | None) -> PriceBookVersion:
    """Take a scheduled version back: what held before goes on, as if it had never been.

    Raises :class:`NoticeTooShort` where somebody would pay more soon by another price, of which
    they were not told, as this version kept it from them.
    """
    # Before any other lock, as whoever moves customers between prices.
    notices.one_at_a_time()
    book = PriceBook.objects.locked(version.book_id)
    version = PriceBookVersion.objects.locked(version.pk)
    if version.status == Status.WITHDRAWN:
        return version
    begins = version.effective_from
    if begins is None or not version.is_scheduled:
        raise VersionBegan
    _refuse_followed(version)
    version.status = Status.WITHDRAWN
    version.save(update_fields=["status", "updated_at"])
    scheduled = list(version.prices.upcoming(timezone.now()))
    # The order in which everybody locks offers: two books may price the same ones.
    offers = [Offer.objects.locked(pk) for pk in sorted({price.offer_id for price in scheduled})]
    told = [(user, offer) for offer in offers for user in notices.users(offer)]
    refusing = notices.refusing_untold(told, field="effective_from") if by else nullcontext()
    with refusing:
        for price in scheduled:
            _undo(price)
    notices.tell_anew(told, raising.moments(book, begins))
    audit.record(
        organization=book.organization,
        actor=by,
        action="price_version.withdrawn",
        target=version,
        before={"book": book.code, "number": version.number},
    )
    return version


def _refuse_followed(version: PriceBookVersion) -> None:
    """Refuse to take away a version that a later one stands upon: it left out what stayed alike."""
    later = PriceBookVersion.objects.filter(
        book=version.book_id,
        status=Status.PUBLISHED,
        published_at__gt=version.published_at,
        effective_from__gte=version.effective_from,
        drafts__offer__in=version.drafts.values("offer"),
    )
    if later.exists():
        raise VersionFollowed


def _undo(price: Price) -> None:
    """End a scheduled price where it begins; the one it closed goes on for as long as it would."""
    ends, price.effective_until = price.effective_until, price.effective_from
    price.save(update_fields=["effective_until"])
    before = Price.objects.filter(
        book=price.book_id,
        offer=price.offer_id,
        token_part=price.token_part,
        service_tier=price.service_tier,
        effective_until=price.effective_from,
        effective_from__lt=price.effective_from,
    ).first()
    if before is not None:
        before.effective_until = ends
        before.save(update_fields=["effective_until"])


@atomic()
def retire(book: PriceBook, offer: Offer, *, by: User | None, at: datetime | None = None) -> int:
    """End what a book says of an offer: from then on the next book in the order prices it.

    Answers how many prices it ended.
    """
    if book.is_default:
        raise DefaultBookNeeded
    offer = Offer.objects.locked(offer.pk)
    now = timezone.now()
    ends = at or now
    if ends < now:
        raise PriceInThePast(field_errors={"at": [PriceInThePast.detail]})
    lasting = list(Price.objects.lasting(ends).filter(book=book, offer=offer))
    for price in lasting:
        # One that has not begun by then never holds; one that a later one closed ends with it.
        price.effective_until = max(ends, price.effective_from)
        price.save(update_fields=["effective_until"])
    if lasting:
        audit.record(
            organization=book.organization,
            actor=by,
            action="prices.retired",
            target=book,
            before={"book": book.code, "offer": offer.name, "effective_until": ends},
        )
    return len(lasting)


@atomic()
def open_group(*, code: str, name: str, by: User | None) -> CustomerGroup:
    """Make a group of customers."""
    try:
        with atomic():
            group = CustomerGroup.objects.create(code=code, name=name)
    except IntegrityError as error:
        raise BookTaken(field_errors={"code": [_("There is a group with this code.")]}) from error
    audit.record(
        organization=None, actor=by, action="customer_group.opened", target=group,
        after={"code": code, "name": name},
    )  # fmt: skip
    return group


@atomic()
def join(organization: Organization, group: CustomerGroup | None, *, by: User | None) -> None:
    """Put the organization into the group, out of any other; into none, if none is given."""
    organization = Organization.objects.locked(organization.pk)
    present = GroupMember.objects.filter(organization=organization).select_related("group").first()
    if (present and present.group) == group:
        return
    if present is not None:
        present.delete()
    if group is not None:
        GroupMember.objects.create(organization=organization, group=group)
    audit.record(
        organization=organization,
        actor=by,
        action="customer_group.changed",
        target=organization,
        before={"group": present.group.code if present else None},
        after={"group": group.code if group else None},
    )


def open_draft(version: PriceBookVersion) -> PriceBookVersion:
    """Return the version, locked; refuse one that is no draft any more."""
    version = PriceBookVersion.objects.locked(version.pk)
    if not version.is_draft:
        raise VersionNotDraft
    return version


def _refuse_gaps(book: PriceBook, offer: Offer, at: datetime) -> None:
    """Refuse a book that would price an offer and not all of it: books are not mixed."""
    held = Price.objects.standard().in_force(at).filter(book=book, offer=offer)
    parts = set(held.values_list("token_part", flat=True))
    missing = needed(offer) - parts
    if parts & set(TokenPart.values) and missing:
        words = listed(TokenPart(part).label for part in sorted(missing))
        sentence = _("%(offer)s has no price for: %(parts)s") % {
            "offer": offer.name,
            "parts": words,
        }
        raise PriceIncomplete(field_errors={offer.name: [sentence]})


def needed(offer: Offer) -> set[str]:
    """Return the parts that must have a price of their own where an offer is sold."""
    is_chat = offer.model_version.model.kind == Kind.CHAT
    return {TokenPart.INPUT, TokenPart.OUTPUT} if is_chat else {TokenPart.INPUT}
