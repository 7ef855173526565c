"""What the operator's legal entities say of themselves on documents from now on."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from billing.models import Issuer
from common.database import atomic
from common.errors import Conflict
from tenants.models import User
from tenants.services import audit


@atomic()
def create(facts: Mapping[str, Any], *, by: User) -> Issuer:
    """Add a legal entity; it invoices whom it is chosen for."""
    try:
        with atomic():
            issuer = Issuer.objects.create(**facts, is_default=False)
    except IntegrityError:
        raise Conflict(_("There is one with this code already.")) from None
    audit.record(
        organization=None, actor=by, action="issuer.created", target=issuer, after=dict(facts)
    )
    return issuer


@atomic()
def change(issuer: Issuer, facts: Mapping[str, Any], *, by: User) -> Issuer:
    """Change a legal entity; documents that exist keep the copy they were written with."""
    issuer = Issuer.objects.locked(issuer.pk)
    changed = {name: value for name, value in facts.items() if getattr(issuer, name) != value}
    if not changed:
        return issuer
    before = {name: getattr(issuer, name) for name in changed}
    for name, value in changed.items():
        setattr(issuer, name, value)
    issuer.save(update_fields=[*changed, "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="issuer.changed",
        target=issuer,
        before=before,
        after=changed,
    )
    return issuer
