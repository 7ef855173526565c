"""Services as customers see them: which there are, what they cost, and what stands in the way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic
from uuid import UUID

from django.db.models import Count, Q, QuerySet, prefetch_related_objects
from django.utils.translation import gettext as _
from django_stubs_ext import StrOrPromise

from common import languages
from marketplace import finding, queries
from marketplace.forms.words import LANGUAGES
from marketplace.listing import EntryT
from marketplace.models import AIModel, Application, EnabledApplication, Status
from tenants.models import Organization
from tenants.models.classification import is_cleared

WORDS = dict(LANGUAGES)
#: What is shown of a service beside its own facts.
SHOWN = ("regions", "uses__publisher")


@dataclass(frozen=True)
class Listed(Generic[EntryT]):
    """A service with the offers of its models that the reader may see."""

    application: Application
    offers: Sequence[EntryT]

    @cached_property
    def languages(self) -> list[StrOrPromise]:
        """The languages it speaks, in words."""
        return [WORDS.get(it, it) for it in self.application.languages]

    @property
    def cheapest(self) -> EntryT | None:
        """The offer whose input costs least."""
        priced = [it for it in self.offers if it.input is not None]
        return min(priced, key=lambda it: it.input or 0, default=None)

    def says(self, words: str) -> bool:
        """Whether its description, its publisher or its models have all these words."""
        it: Application = self.application
        said: list[str] = [it.name, it.publisher.name, it.summary, it.description]
        said += [*it.translated_words, *(offer.name for offer in self.offers)]
        return finding.has_all(" ".join(said), words)


def all_applications() -> QuerySet[Application]:
    """Return all services with what is shown of them, drafts included."""
    return Application.objects.select_related("publisher").prefetch_related(*SHOWN)


def seen(offers: Iterable[EntryT], words: str = "") -> list[Listed[EntryT]]:
    """Return the services on sale all of whose models are among these offers, and that say the words.

    So whoever may not see a model learns of no service that stands on it.
    """
    by_model: dict[UUID, list[EntryT]] = {}
    for offer in offers:
        by_model.setdefault(offer.model.pk, []).append(offer)
    found = []
    # By their ids: the models themselves are not read where the reader is not shown one.
    used: dict[UUID, list[UUID]] = {}
    for application, model in Application.uses.through.objects.values_list(
        "application", "aimodel"
    ):
        used.setdefault(application, []).append(model)
    for it in Application.objects.live().select_related("publisher"):
        models = used.get(it.pk, [])
        if models and all(model in by_model for model in models):
            models.sort(key=lambda key: by_model[key][0].name)
            found.append(Listed(it, [offer for model in models for offer in by_model[model]]))
    found = [it for it in found if it.says(words)] if words else found
    prefetch_related_objects([it.application for it in found], *SHOWN)
    return found


@dataclass(frozen=True)
class ServiceStanding:
    """How one organization stands with a service; asked in its scope."""

    organization: Organization
    application: Application
    #: What it has enabled now, if it has.
    enabled: EnabledApplication | None
    #: Why it cannot be enabled, in sentences.
    hindrances: list[str]
    #: What its key may call: the names in the API of the models that it uses.
    names: list[str]

    @property
    def can_enable(self) -> bool:
        """Whether it could be enabled now."""
        return self.enabled is None and not self.hindrances


def standing(organization: Organization, application: Application) -> ServiceStanding:
    """Return how the organization stands with the service."""
    running = EnabledApplication.objects.running().select_related("api_key", "enabled_by")
    enabled = running.filter(organization=organization, application=application).first()
    callable_offers = queries.offers_for(organization).filter(
        model_version__model__in=application.uses.all()
    )
    by_model: dict[UUID, list[str]] = {}
    for offer in callable_offers:
        by_model.setdefault(offer.model_version.model_id, []).append(offer.name)
    names = sorted(name for found in by_model.values() for name in found)
    missing = [it for it in application.uses.all() if it.pk not in by_model]
    hindrances = list(_hindrances(organization, application, missing))
    return ServiceStanding(organization, application, enabled, hindrances, names)


def _hindrances(
    organization: Organization, application: Application, missing: Sequence[AIModel]
) -> Iterable[str]:
    if application.status == Status.DEPRECATED:
        yield _("It is about to be retired, so it is not enabled anew.")
    elif application.status != Status.PUBLISHED:
        yield _("It is not on offer.")
    if not application.is_running:
        yield _("The operator has not connected it yet: this is a description of what is planned.")
    allowed = organization.allowed_jurisdictions
    outside = [it.name for it in application.regions.all() if it.jurisdiction not in allowed]
    if allowed and outside:
        yield _("Your organization's policy does not allow the regions it runs in: %(names)s.") % {
            "names": languages.listed(sorted(outside))
        }
    if not is_cleared(application.clearance, organization.classification):
        yield _("It is not cleared for data as confidential as your organization's.")
    if missing:
        names = languages.listed(sorted(it.name for it in missing))
        yield _("Your organization may not call models that it uses: %(names)s.") % {"names": names}


def enabled_by(organization: Organization) -> list[EnabledApplication]:
    """Return what the organization has enabled now, newest first; asked in its scope."""
    running = EnabledApplication.objects.running().filter(organization=organization)
    return list(running.select_related("application__publisher", "api_key", "enabled_by"))


def for_desk() -> QuerySet[Application]:
    """Return all services, each with how many organizations have it enabled (``customers``)."""
    running = Count("enabled", filter=Q(enabled__disabled_at=None))
    return all_applications().annotate(customers=running)
