"""Products that are paid beforehand: what staff puts on sale and takes off again."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from common.database import atomic
from common.errors import Conflict
from marketplace.models import Bundle
from tenants.models import User
from tenants.services import audit


class BundleTaken(Conflict):
    """Another bundle has this address."""

    code = "bundle_taken"
    detail = _("Another bundle has this short name.")


@atomic()
def add(facts: Mapping[str, Any], *, by: User) -> Bundle:
    """Put a bundle on sale."""
    try:
        with atomic():
            bundle = Bundle.objects.create(**facts)
    except IntegrityError as error:
        raise BundleTaken(field_errors={"slug": [BundleTaken.detail]}) from error
    _record("bundle.added", bundle, None, by)
    return bundle


@atomic()
def set_on_sale(bundle: Bundle, *, is_active: bool, by: User) -> Bundle:
    """Take a bundle off sale, or put it back; what was bought of it stays as it was bought.

    Terms do not change: another price is another bundle, so that an order always names what the
    customer saw.
    """
    bundle = Bundle.objects.select_for_update().get(pk=bundle.pk)
    if bundle.is_active == is_active:
        return bundle
    before = {"is_active": bundle.is_active}
    bundle.is_active = is_active
    bundle.save(update_fields=["is_active", "updated_at"])
    _record("bundle.changed", bundle, before, by)
    return bundle


def _record(action: str, bundle: Bundle, before: dict[str, Any] | None, by: User) -> None:
    after = {
        "slug": bundle.slug,
        "net_amount": str(bundle.net_amount),
        "currency": bundle.currency,
        "grant_unit": bundle.grant_unit,
        "grant_quantity": str(bundle.grant_quantity),
        "is_active": bundle.is_active,
    }
    audit.record(
        organization=None,
        actor=by,
        action=action,
        target=bundle,
        before=before,
        after={"is_active": bundle.is_active} if before else after,
    )
