"""What the operator's legal entity says of itself on documents from now on."""

from collections.abc import Mapping
from typing import Any

from billing.models import Issuer
from common.database import atomic
from tenants.models import User
from tenants.services import audit


@atomic()
def change(facts: Mapping[str, Any], *, by: User) -> Issuer:
    """Change the default issuer; documents that exist keep the copy they were written with."""
    issuer = Issuer.objects.select_for_update().get(is_default=True)
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
