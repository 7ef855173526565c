"""Whom a model is shown to."""

from common.database import atomic
from marketplace import viewers
from marketplace.errors import NotTheOperators
from marketplace.models import AIModel, ModelViewer
from marketplace.viewers import Audience
from tenants.models import User
from tenants.services import audit


@atomic()
def show_to(model: AIModel, audience: Audience, *, by: User | None) -> AIModel:
    """Show the model to these alone, or to everybody; to all others it does not exist any more.

    Gateways follow within five seconds.
    """
    model = AIModel.objects.locked(model.pk)
    check(model)
    before = viewers.of(model)
    if before == audience:
        return model
    model.viewers.all().delete()
    ModelViewer.objects.bulk_create(
        [
            *(ModelViewer(model=model, group_id=it) for it in sorted(audience.groups)),
            *(
                ModelViewer(model=model, organization_id=it)
                for it in sorted(audience.organizations)
            ),
        ]
    )
    model.is_restricted = audience.is_restricted
    model.save(update_fields=["is_restricted", "updated_at"])
    audit.record(
        organization=None,
        actor=by,
        action="model.audience_changed",
        target=model,
        before=before.facts,
        after=audience.facts,
    )
    return model


def check(model: AIModel) -> None:
    """Refuse a customer's own model: who sees it is its owner's to say."""
    if model.owner_id is not None:
        raise NotTheOperators
