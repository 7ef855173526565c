"""Incidents and maintenance: opened, told of as they go, and closed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.database import atomic, on_commit
from common.errors import Conflict, DomainError
from front import status
from front.models import ALLOWED, CLOSED, Impact, Incident, IncidentUpdate, State
from front.services import letters
from marketplace.models import AIModel
from tenants.models import Region, User
from tenants.services import audit


@atomic()
def open_(
    *,
    titles: Mapping[str, str],
    texts: Mapping[str, str],
    parts: Sequence[str],
    impact: Impact,
    by: User,
    models: Sequence[AIModel] = (),
    regions: Sequence[Region] = (),
    state: State = State.INVESTIGATING,
    started_at: datetime | None = None,
) -> Incident:
    """Tell of something that does not work, with what is known of it."""
    now = timezone.now()
    if started_at is not None and started_at > now:
        raise DomainError(field_errors={"started_at": [_("This moment is still to come.")]})
    incident = Incident.objects.create(
        titles=dict(titles),
        parts=list(parts),
        impact=impact,
        state=state,
        started_at=started_at or now,
        ended_at=now if state in CLOSED else None,
        opened_by=by,
    )
    return _begun(incident, texts, models, regions, by)


@atomic()
def plan(
    *,
    titles: Mapping[str, str],
    texts: Mapping[str, str],
    parts: Sequence[str],
    starts_at: datetime,
    ends_at: datetime,
    by: User,
    models: Sequence[AIModel] = (),
    regions: Sequence[Region] = (),
) -> Incident:
    """Announce work in a window that is still to come."""
    if starts_at <= timezone.now():
        raise DomainError(field_errors={"starts_at": [_("Announce work before it begins.")]})
    if ends_at <= starts_at:
        raise DomainError(field_errors={"ends_at": [_("The window ends before it begins.")]})
    incident = Incident.objects.create(
        titles=dict(titles),
        parts=list(parts),
        impact=Impact.MAINTENANCE,
        state=State.SCHEDULED,
        started_at=starts_at,
        planned_until=ends_at,
        opened_by=by,
    )
    return _begun(incident, texts, models, regions, by)


@atomic()
def update(
    incident: Incident,
    *,
    state: State,
    texts: Mapping[str, str],
    by: User,
    impact: Impact | None = None,
) -> IncidentUpdate:
    """Say what is new; what is over is not told of again."""
    incident = Incident.objects.locked(incident.pk)
    if state not in ALLOWED[incident.state]:
        raise Conflict(_("From where it stands it cannot go there."))
    if impact is not None and (impact == Impact.MAINTENANCE) != incident.is_maintenance:
        raise DomainError(field_errors={"impact": [_("Planned work and incidents stay apart.")]})
    before = {"state": incident.state, "impact": incident.impact}
    incident.state, incident.impact = state, impact or incident.impact
    incident.ended_at = timezone.now() if state in CLOSED else None
    incident.save()
    return _said(incident, texts, by, before)


def _begun(
    incident: Incident,
    texts: Mapping[str, str],
    models: Sequence[AIModel],
    regions: Sequence[Region],
    by: User,
) -> Incident:
    incident.named_models.set(models)
    incident.regions.set(regions)
    _said(incident, texts, by, None)
    return incident


def _said(
    incident: Incident, texts: Mapping[str, str], by: User, before: dict[str, str] | None
) -> IncidentUpdate:
    readers = letters.readers(incident)
    update = IncidentUpdate.objects.create(
        incident=incident,
        state=incident.state,
        impact=incident.impact,
        texts=dict(texts),
        is_first=before is None,
        mailed_to=len(readers),
        written_by=by,
    )
    letters.write(update, readers)
    audit.record(
        organization=None,
        actor=by,
        action="incident.opened" if before is None else "incident.updated",
        target=incident,
        before=before,
        after={"state": incident.state, "impact": incident.impact, "texts": dict(texts)},
    )
    on_commit(status.board.forget)
    return update
