"""What a customer was told of changes ahead, as long as it is still to come."""

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from marketplace import ports, queries
from marketplace.models import Notice, Price
from marketplace.models.catalogue import Status
from tenants.models import Organization

#: The least time by which one moment is before another.
INSTANT = timedelta(microseconds=1)


def to(organization: Organization) -> list[Notice]:
    """Return what is still to come of what the organization was told, of models that it sees.

    What was taken back is not.
    """
    now, day = timezone.now(), OuterRef("happens_at")
    price = Price.objects.lasting(now).filter(
        Q(effective_from=day) | Q(effective_until=day), offer=OuterRef("offer")
    )
    goes = Q(
        kind=Notice.Kind.RETIREMENT,
        model__status=Status.DEPRECATED,
        model__retires_at=F("happens_at"),
    )
    rises = Q(kind=Notice.Kind.PRICES, taken_back_at=None)
    told = Notice.objects.filter(goes | rises, organization=organization, happens_at__gt=now)
    told = told.filter(queries.seen_by(organization, "model__"))
    # A model may have several offers; one warning is enough.
    seen: dict[tuple[object, str], Notice] = {}
    by_price = set(told.filter(Exists(price)).values_list("pk", flat=True))
    for notice in told.select_related("organization", "model__replaced_by", "offer"):
        key = notice.model_id, notice.kind
        if key not in seen and (notice.pk in by_price or _comes_otherwise(notice)):
            seen[key] = notice
    return list(seen.values())


def _comes_otherwise(notice: Notice) -> bool:
    """Whether it comes by no price that begins or ends: by a move, as a contract begins or ends."""
    if notice.kind == Notice.Kind.RETIREMENT or notice.move_id is not None:
        return True
    at, contracts = notice.happens_at, ports.contracts
    books = [contracts.price_books([notice.organization], it) for it in (at - INSTANT, at)]
    return books[0] != books[1]
