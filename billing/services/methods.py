"""Saved cards and accounts: kept by the provider, listed by us. No provider inside a transaction."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from billing.models import PaymentMethod, ProviderCustomer
from billing.payments.errors import PaymentUnavailable
from billing.payments.provider import Charge, CheckoutSession, SavedMethod
from billing.payments.stripe.provider import provider
from common.database import service
from common.money import Money
from tenants.models import Organization, User
from tenants.services import audit

log = structlog.get_logger(__name__)


def open_page(organization: Organization, *, by: User) -> str:
    """Return the address of the provider's page that saves a card or an account."""
    customer = _customer(organization, by)
    here = reverse("billing:automatic", args=[organization.slug])
    return provider.open_setup(
        customer,
        currency=organization.currency,
        success_url=f"{settings.PUBLIC_URL}{here}?saved=yes",
        cancel_url=settings.PUBLIC_URL + here,
    )


def _customer(organization: Organization, by: User) -> str:
    with service():
        known = ProviderCustomer.objects.filter(organization=organization).first()
    if known is not None:
        return known.customer_id
    customer = provider.customer(organization.pk, name=organization.name, email=by.email)
    with service():
        row, _made = ProviderCustomer.objects.get_or_create(
            organization=organization, defaults={"customer_id": customer}
        )
    return row.customer_id


def sync(organization: Organization) -> None:
    """List what the provider keeps for the organization now."""
    with service():
        known = ProviderCustomer.objects.filter(organization=organization).first()
    if known is not None:
        _list(organization, provider.methods(known.customer_id))


def sync_customer(customer_id: str) -> None:
    """The same, for whoever the provider knows by this id; one of another account is passed over."""
    with service():
        known = ProviderCustomer.objects.select_related("organization")
        row = known.filter(customer_id=customer_id).first()
    if row is not None:
        _list(row.organization, provider.methods(customer_id))


def _list(organization: Organization, saved: Sequence[SavedMethod]) -> None:
    with service():
        # The customer's row is the lock: two who list at once agree on the default.
        Organization.objects.locked(organization.pk)
        mine = PaymentMethod.objects.filter(organization=organization)
        for method in saved:
            _add(organization, method)
        gone = mine.present().exclude(method_id__in=[it.method_id for it in saved])
        gone.update(removed_at=timezone.now(), is_default=False)
        if not mine.filter(is_default=True).exists() and (first := mine.present().first()):
            first.is_default = True
            first.save(update_fields=["is_default", "updated_at"])


def _add(organization: Organization, saved: SavedMethod) -> None:
    row, is_new = PaymentMethod.objects.get_or_create(
        method_id=saved.method_id,
        defaults={
            "organization": organization,
            "kind": saved.kind,
            "brand": saved.brand,
            "last_four": saved.last_four,
            "expires": saved.expires,
        },
    )
    if row.removed_at is not None:
        # A list that was older than this one took it for removed.
        row.removed_at = None
        row.save(update_fields=["removed_at", "updated_at"])
    if is_new:
        audit.record(
            organization=organization,
            actor=None,
            action="payment_method.saved",
            target=row,
            after={"kind": saved.kind, "last_four": saved.last_four},
        )


def choose(method: PaymentMethod, *, by: User) -> None:
    """Charge this one from now on."""
    with service():
        Organization.objects.locked(method.organization_id)
        mine = PaymentMethod.objects.filter(organization=method.organization_id)
        mine.update(is_default=False)
        mine.present().filter(pk=method.pk).update(is_default=True)
        audit.record(
            organization=method.organization,
            actor=by,
            action="payment_method.chosen",
            target=method,
        )


def forget(organization: Organization, method: PaymentMethod, *, by: User) -> None:
    """Forget a method, with the provider first: what it does not keep cannot be charged."""
    provider.forget(method.method_id)
    with service():
        audit.record(
            organization=organization, actor=by, action="payment_method.removed", target=method
        )
    sync(organization)


def default(organization: Organization) -> PaymentMethod | None:
    """Return the method that is charged while nobody is asked."""
    mine = PaymentMethod.objects.present().filter(organization=organization)
    return mine.filter(is_default=True).first()


def charge(
    organization_id: UUID, attempt_id: UUID, *, amount: Money, description: str, method_id: str
) -> CheckoutSession | None:
    """Charge a saved method once per attempt: whoever asks again gets the first time's answer.

    Nothing is answered where the provider cannot be asked now: the next sweep asks again.
    """
    with service():
        customer = ProviderCustomer.objects.get(organization=organization_id)
    wanted = Charge(
        order_id=attempt_id,
        description=description,
        amount=provider.chargeable(amount),
        customer_id=customer.customer_id,
        method_id=method_id,
    )
    try:
        return provider.charge(wanted)
    except PaymentUnavailable as error:
        log.warning("charge_put_off", attempt=str(attempt_id), reason=repr(error))
        return None
