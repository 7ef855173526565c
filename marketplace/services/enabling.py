"""Services of organizations: enabled with a key of their own, which dies when they are disabled."""

from django.db import IntegrityError
from django.utils import timezone

from common.database import atomic, service
from marketplace import applications
from marketplace.application_errors import ServiceEnabled, ServiceNotEnabled, ServiceNotOffered
from marketplace.errors import TermsChanged
from marketplace.models import Application, EnabledApplication
from tenants.key_scopes import INFERENCE
from tenants.models import ApiKey, Organization, User
from tenants.services import api_keys, audit
from tenants.services.api_keys import MintedKey


@atomic()
def enable(
    organization: Organization,
    application: Application,
    *,
    terms: str,
    by: User,
    through: ApiKey | None = None,
) -> MintedKey:
    """Enable a service for the organization, and return its key with its text, this once.

    ``terms`` is the wording that was read (``terms_version``). The key calls the models of the
    service alone, so what it uses is metered as its own. The organization's scope must be open.
    """
    application = Application.objects.get(pk=application.pk)
    standing = applications.standing(organization, application)
    if standing.enabled is not None:
        raise ServiceEnabled
    if standing.hindrances:
        raise ServiceNotOffered(" ".join(standing.hindrances))
    if terms != application.terms_version:
        raise TermsChanged
    minted = api_keys.create(
        organization,
        name=application.name,
        by=by,
        through=through,
        allowed_models=standing.names,
        scopes=(INFERENCE,),
    )
    try:
        # The database says who was first: a look beforehand would let two through.
        with atomic():
            EnabledApplication.objects.create(
                organization=organization,
                application=application,
                api_key=minted.api_key,
                enabled_by=by,
                accepted_terms=application.terms,
            )
    except IntegrityError as error:
        raise ServiceEnabled from error
    audit.record(
        organization=organization,
        actor=through or by,
        action="service.enabled",
        target=application,
        after={
            "key": str(minted.api_key),
            "models": standing.names,
            "terms": application.terms_version,
        },
    )
    return minted


@atomic()
def disable(
    organization: Organization,
    application: Application,
    *,
    by: User,
    through: ApiKey | None = None,
) -> None:
    """Disable a service of the organization: its key opens the door no more."""
    running = EnabledApplication.objects.running()
    enabled = running.filter(organization=organization, application=application).first()
    if enabled is None or not _end(enabled, by=by, through=through):
        raise ServiceNotEnabled


@atomic()
def end_all(application: Application, *, by: User | None) -> int:
    """Disable a service for everybody, as it is retired; return for how many."""
    running = EnabledApplication.objects.running().filter(application=application)
    return sum(_end(it, by=by) for it in running.order_by("pk"))


def end_left_over() -> int:
    """Disable what was enabled while its service was being retired; return how many there were."""
    with service():
        gone = EnabledApplication.objects.running().filter(application__status="retired")
        return sum(_end(it, by=None) for it in gone.order_by("pk"))


def _end(enabled: EnabledApplication, *, by: User | None, through: ApiKey | None = None) -> bool:
    enabled = EnabledApplication.objects.locked(enabled.pk)
    if enabled.disabled_at is not None:
        return False
    api_keys.revoke(enabled.api_key, by=by, through=through)
    enabled.disabled_at, enabled.disabled_by = timezone.now(), by
    enabled.save(update_fields=["disabled_at", "disabled_by", "updated_at"])
    audit.record(
        organization=enabled.organization,
        actor=through or by,
        action="service.disabled",
        target=enabled.application,
        before={"key": str(enabled.api_key)},
    )
    return True
