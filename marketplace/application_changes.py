"""A change of a service beside what is live: every field that customers see, in words."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import date as formatted
from django.utils.translation import gettext as _

from common import languages
from marketplace.differences import Difference, in_languages, lines
from marketplace.forms import translating
from marketplace.forms.applications import ApplicationForm
from marketplace.forms.words import LANGUAGES
from marketplace.models import AIModel, Application, ApplicationChange, Status
from marketplace.services import applications
from tenants.models import Region

#: What is too long to stand in a cell: it is compared line by line.
LONG = ("description", "data_policy", "limits", "terms")
WORDS = dict(LANGUAGES)
Kind = ApplicationChange.Kind


def of(change: ApplicationChange) -> list[Difference]:
    """Return all that customers will see otherwise; of a change that was made, what it said."""
    return list(_of(change.application, change))


def _of(application: Application, change: ApplicationChange) -> Iterator[Difference]:
    state = str(Status(application.status).label)
    present = applications.written(application)
    match change.kind:
        case Kind.CARD:
            for name in applications.CARD:
                if name in change.facts:
                    yield from _fields(name, present[name], change.facts[name])
        case Kind.DEPRECATE:
            yield Difference(_("State"), state, str(Status.DEPRECATED.label))
            last = datetime.fromisoformat(change.facts["retires_at"])
            yield Difference(_("Last day"), _day(application.retires_at), _day(last))
        case Kind.RETIRE:
            yield Difference(_("State"), state, str(Status.RETIRED.label))
            yield Difference(_("Reason"), "", change.facts["reason"])
        case _:
            yield Difference(_("State"), state, str(Status.PUBLISHED.label))
            if application.retires_at:
                yield Difference(_("Last day"), _day(application.retires_at), "")
            for name in applications.CARD:
                yield from _fields(name, type(present[name])(), present[name])


def _fields(name: str, before: Any, after: Any) -> Iterator[Difference]:
    if name == translating.NAME:
        yield from in_languages(ApplicationForm.translated, before, after)
    else:
        yield _field(name, before, after)


def _field(name: str, before: Any, after: Any) -> Difference:
    label = ApplicationForm.base_fields[name].label or name
    if name in LONG:
        return Difference(label, "", "", tuple(lines(before, after)))
    return Difference(label, _words(name, before), _words(name, after))


def _words(name: str, value: Any) -> str:
    match name:
        case "uses":
            return _joined(AIModel.objects.filter(pk__in=value).values_list("name", flat=True))
        case "regions":
            return _joined(Region.objects.filter(pk__in=value).values_list("name", flat=True))
        case "languages":
            return _joined(WORDS.get(it, it) for it in value)
        case "kind" | "clearance":
            choices = dict(getattr(Application._meta.get_field(name), "flatchoices", ()))
            return str(choices.get(value, value))
        case _:
            return str(value)


def _joined(names: Any) -> str:
    return languages.listed(names)


def _day(at: datetime | None) -> str:
    return formatted(at - timedelta(microseconds=1), "DATE_FORMAT") if at else ""
