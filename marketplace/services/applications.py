"""A service's life: draft → in review → published → deprecated → retired, under four eyes.

A draft is its author's alone. From the moment it is in review, and as long as customers see it,
every change is a row that one person proposes and another approves; the database compares the two,
and lets nothing else change what customers see.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from common import languages
from common.database import atomic, service
from common.errors import Conflict, Forbidden
from marketplace.application_errors import (
    ServiceAddressTaken,
    ServiceInReview,
    ServiceNotReady,
    ServiceRetiresTooSoon,
    ServiceWrongState,
)
from marketplace.errors import NothingChanges, ReasonMissing
from marketplace.models import AIModel, Application, ApplicationChange, Status
from marketplace.services import catalogue, enabling
from tenants.models import Region, User
from tenants.services import audit

Kind, State = ApplicationChange.Kind, ApplicationChange.Status
#: What one writes of a service, beside its publisher, its models and its regions.
WRITTEN = (
    "name", "kind", "summary", "description", "languages", "clearance", "data_policy", "limits",
    "terms", "documentation_url", "base_url", "translations",
)  # fmt: skip
CARD = (*WRITTEN, "publisher_name", "uses", "regions")
#: From where each kind of change leads on.
FROM: dict[str, frozenset[str]] = {
    Kind.PUBLISH: frozenset({Status.DRAFT, Status.DEPRECATED}),
    Kind.CARD: frozenset({Status.PUBLISHED, Status.DEPRECATED}),
    Kind.DEPRECATE: frozenset({Status.PUBLISHED, Status.DEPRECATED}),
    Kind.RETIRE: frozenset({Status.PUBLISHED, Status.DEPRECATED}),
}


@atomic()
def add(facts: Mapping[str, Any], *, slug: str, by: User) -> Application:
    """Add a service as a draft."""
    card = _plain(facts)
    try:
        with atomic():
            application = Application.objects.create(
                slug=slug,
                publisher=catalogue.publisher(card["publisher_name"]),
                **{name: card[name] for name in WRITTEN},
            )
    except IntegrityError as error:
        raise ServiceAddressTaken(field_errors={"slug": [ServiceAddressTaken.detail]}) from error
    _link(application, card)
    _record("added", application, by, after=card)
    return application


@atomic()
def edit(
    application: Application, facts: Mapping[str, Any], *, by: User, words: str = ""
) -> ApplicationChange | None:
    """Change a draft; of a service that customers see, propose it. None: it is done."""
    application = Application.objects.locked(application.pk)
    if application.status in (Status.IN_REVIEW, Status.RETIRED):
        raise ServiceInReview if application.status == Status.IN_REVIEW else ServiceWrongState
    wanted, present = _plain(facts), written(application)
    changed = {name: wanted[name] for name in CARD if wanted[name] != present[name]}
    if application.is_on_sale:
        return _propose(application, Kind.CARD, changed, by=by, words=words)
    if changed:
        _fill(application, changed)
        application.save()
        before = {name: present[name] for name in changed}
        _record("edited", application, by, before=before, after=changed)
    return None


@atomic()
def submit(application: Application, *, by: User, words: str = "") -> ApplicationChange:
    """Ask for a service to be put on sale, if nothing is missing."""
    application = Application.objects.locked(application.pk)
    change = _propose(application, Kind.PUBLISH, {}, by=by, words=words)
    if application.status == Status.DRAFT:
        _move(application, Status.IN_REVIEW, by)
    return change


@atomic()
def propose_last_day(
    application: Application, retires_at: datetime, *, by: User, words: str = ""
) -> ApplicationChange:
    """Propose when a service goes: no earlier than the notice that customers were promised."""
    if retires_at < timezone.now() + settings.RETIREMENT_NOTICE:
        raise ServiceRetiresTooSoon(field_errors={"retires_on": [ServiceRetiresTooSoon.detail]})
    facts = {"retires_at": retires_at.isoformat()}
    return _propose(application, Kind.DEPRECATE, facts, by=by, words=words)


@atomic()
def propose_retirement(application: Application, reason: str, *, by: User) -> ApplicationChange:
    """Propose that a service goes at once, and say why."""
    if not reason.strip():
        raise ReasonMissing
    return _propose(application, Kind.RETIRE, {"reason": reason.strip()}, by=by)


def _propose(
    application: Application,
    kind: ApplicationChange.Kind,
    facts: Mapping[str, Any],
    *,
    by: User,
    words: str = "",
) -> ApplicationChange:
    application = Application.objects.locked(application.pk)
    if application.status not in FROM[kind]:
        raise ServiceInReview if application.status == Status.IN_REVIEW else ServiceWrongState
    if kind == Kind.CARD and not facts:
        raise NothingChanges
    if kind == Kind.PUBLISH:
        _check_ready(application)
    try:
        with atomic():
            change = ApplicationChange.objects.create(
                application=application, kind=kind, facts=dict(facts), words=words, proposed_by=by
            )
    except IntegrityError as error:
        raise ServiceInReview from error
    return _told(change, "proposed", by)


@atomic()
def approve(change: ApplicationChange, *, by: User) -> ApplicationChange:
    """Let come about what somebody else proposed; customers see it from now on."""
    change = _locked(change)
    if change.proposed_by_id == by.pk:
        raise Forbidden(_("Somebody else has to approve what you proposed."))
    application = change.application
    if change.kind == Kind.PUBLISH:
        _check_ready(application)
    change.status, change.decided_by, change.decided_at = State.APPLIED, by, timezone.now()
    change.save()
    application.agreed = change
    ACTS[change.kind](application, change, by)
    return _told(change, "applied", by)


@atomic()
def refuse(change: ApplicationChange, *, by: User, answer: str) -> ApplicationChange:
    """Close a proposal without effect, and say why."""
    change = _locked(change)
    change.answer, change.decided_by, change.decided_at = answer, by, timezone.now()
    return _closed(change, State.REFUSED, by)


@atomic()
def take_back(change: ApplicationChange, *, by: User) -> ApplicationChange:
    """Close a proposal that nobody has decided on."""
    return _closed(_locked(change), State.WITHDRAWN, by)


def retire_due() -> int:
    """Retire the services whose last day is over, for everybody; return how many."""
    with service():
        due = list(Application.objects.due_to_retire().order_by("pk"))
        for found in due:
            application = Application.objects.locked(found.pk)
            if application.is_on_sale:
                _move(application, Status.RETIRED, None)
                enabling.end_all(application, by=None)
    return len(due)


def missing_for(application: Application) -> list[str]:
    """Return, in sentences, what customers would miss were it published now."""
    found = []
    models = list(application.uses.all())
    if not models:
        found.append(_("Choose the models that it calls: their tokens are its price."))
    on_sale = set(AIModel.objects.live().public().values_list("pk", flat=True))
    if gone := sorted(it.name for it in models if it.pk not in on_sale):
        found.append(
            _("These models are not on sale: %(names)s.") % {"names": languages.listed(gone)}
        )
    if not application.regions.exists():
        found.append(_("Choose the regions it runs in."))
    for name, sentence in (
        ("description", _("Write what it does.")),
        ("data_policy", _("Say what it keeps of customers' data.")),
    ):
        if not getattr(application, name).strip():
            found.append(sentence)
    return found


def written(application: Application) -> dict[str, Any]:
    """Return what is written of a service, as changes keep it."""
    return {
        **{name: getattr(application, name) for name in WRITTEN},
        "publisher_name": application.publisher.name,
        "uses": _keys(application.uses.all()),
        "regions": _keys(application.regions.all()),
    }


def _publish(application: Application, change: ApplicationChange, by: User) -> None:
    published_at = application.published_at or timezone.now()
    times = {"published_at": published_at, "deprecated_at": None, "retires_at": None}
    _move(application, Status.PUBLISHED, by, **times)


def _card(application: Application, change: ApplicationChange, by: User) -> None:
    present = written(application)
    before = {name: present[name] for name in change.facts}
    _fill(application, change.facts)
    application.save()
    _record("edited", application, by, before=before, after=change.facts)


def _deprecate(application: Application, change: ApplicationChange, by: User) -> None:
    last = datetime.fromisoformat(change.facts["retires_at"])
    since = application.deprecated_at or timezone.now()
    _move(application, Status.DEPRECATED, by, deprecated_at=since, retires_at=last)


def _retire(application: Application, change: ApplicationChange, by: User) -> None:
    _move(application, Status.RETIRED, by, retires_at=timezone.now())
    enabling.end_all(application, by=by)


ACTS: dict[str, Callable[[Application, ApplicationChange, User], None]] = {
    Kind.PUBLISH: _publish,
    Kind.CARD: _card,
    Kind.DEPRECATE: _deprecate,
    Kind.RETIRE: _retire,
}


def _check_ready(application: Application) -> None:
    if missing := missing_for(application):
        raise ServiceNotReady(" ".join(missing))


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    facts = {"translations": {}, **facts}
    linked = {name: _keys(facts[name]) for name in ("uses", "regions")}
    return {**{name: _text(facts[name]) for name in CARD}, **linked}


def _text(value: Any) -> Any:
    # As browsers send it, every line ends in two characters.
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def _keys(rows: Iterable[AIModel | Region]) -> list[str]:
    return sorted(str(row.pk) for row in rows)


def _fill(application: Application, facts: Mapping[str, Any]) -> None:
    for name in WRITTEN:
        if name in facts:
            setattr(application, name, facts[name])
    if "publisher_name" in facts:
        application.publisher = catalogue.publisher(facts["publisher_name"])
    _link(application, facts)


def _link(application: Application, facts: Mapping[str, Any]) -> None:
    if "uses" in facts:
        application.uses.set(AIModel.objects.public().filter(pk__in=facts["uses"]))
    if "regions" in facts:
        application.regions.set(Region.objects.filter(pk__in=facts["regions"]))


def _move(application: Application, status: Status, by: User | None, **times: Any) -> None:
    facts = {"status": status.value, **times}
    before = {name: getattr(application, name) for name in facts}
    for name, value in facts.items():
        setattr(application, name, value)
    application.save()
    _record(status.value, application, by, before=before, after=facts)


def _locked(change: ApplicationChange) -> ApplicationChange:
    # As everywhere: the service's row first, then what is said of it.
    application = Application.objects.locked(change.application_id)
    change = ApplicationChange.objects.locked(change.pk)
    if not change.is_proposed:
        raise Conflict
    change.application = application
    return change


def _closed(
    change: ApplicationChange, status: ApplicationChange.Status, by: User
) -> ApplicationChange:
    change.status = status
    change.save()
    if change.application.status == Status.IN_REVIEW:
        _move(change.application, Status.DRAFT, by)
    return _told(change, status.value, by)


def _told(change: ApplicationChange, act: str, by: User) -> ApplicationChange:
    audit.record(
        organization=None,
        actor=by,
        action=f"service_change.{act}",
        target=change,
        after={
            "service": change.application.name,
            "kind": change.kind,
            "facts": change.facts,
            "words": change.words,
            "answer": change.answer,
        },
    )
    return change


def _record(
    act: str,
    application: Application,
    by: User | None,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any],
) -> None:
    audit.record(
        organization=None,
        actor=by,
        action=f"service.{act}",
        target=application,
        before=before,
        after=after,
    )
