"""What a customer was told of changes ahead, as long as it is still to come."""

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from marketplace.models import Notice, Price
from marketplace.models.catalogue import Status
from tenants.models import Organization


def to(organization: Organization) -> list[Notice]:
    """Return what is still to come of what the organization was told; what was taken back is not."""
    now = timezone.now()
    price = Price.objects.upcoming(now).filter(
        offer=OuterRef("offer"), effective_from=OuterRef("happens_at")
    )
    goes = Q(
        kind=Notice.Kind.RETIREMENT,
        model__status=Status.DEPRECATED,
        model__retires_at=F("happens_at"),
    )
    comes = Q(Exists(price)) | Q(move__isnull=False)
    rises = comes & Q(kind=Notice.Kind.PRICES, taken_back_at=None)
    told = Notice.objects.filter(goes | rises, organization=organization, happens_at__gt=now)
    # A model may have several offers; one warning is enough.
    seen: dict[tuple[object, str], Notice] = {}
    for notice in told.select_related("model__replaced_by", "offer"):
        seen.setdefault((notice.model_id, notice.kind), notice)
    return list(seen.values())
