"""Issues vouchers in campaigns, ends campaigns, and redeems a voucher once."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError
from django.utils import timezone

from billing import voucher_codes
from billing.errors import (
    OrganizationSuspended,
    VoucherInOtherCurrency,
    VoucherOver,
    VoucherUnknown,
    VoucherUsed,
)
from billing.models import CreditGrant, Voucher, VoucherCampaign, VoucherRedemption
from billing.services import credits
from common.database import atomic, service
from common.money import exact
from marketplace.models import TokenClass
from tenants.models import ApiKey, Organization, User
from tenants.services import audit, restrictions


@atomic()
def issue(
    *,
    name: str,
    unit: str,
    quantity: Decimal,
    currency: str,
    validity_days: int,
    redeem_until: datetime,
    by: User,
    token_class: TokenClass | None = None,
    is_once_each: bool = True,
    codes: int = 1,
    uses: int = 1,
) -> tuple[VoucherCampaign, list[str]]:
    """Make a campaign and its vouchers; the codes are answered here and never again."""
    campaign = VoucherCampaign.objects.create(
        name=name,
        unit=unit,
        quantity=exact(quantity),
        currency=currency,
        token_class=token_class,
        validity_days=validity_days,
        redeem_until=redeem_until,
        is_once_each=is_once_each,
        created_by=by,
    )
    made = [voucher_codes.new() for _ in range(codes)]
    Voucher.objects.bulk_create(_voucher(campaign, code, uses) for code in made)
    audit.record(
        organization=None,
        actor=by,
        action="vouchers.issued",
        target=campaign,
        after={
            "name": name,
            "unit": unit,
            "quantity": quantity,
            "currency": currency,
            "codes": codes,
            "uses": uses,
            "redeem_until": redeem_until,
        },
    )
    return campaign, made


def _voucher(campaign: VoucherCampaign, code: str, uses: int) -> Voucher:
    plain = code.replace("-", "")
    return Voucher(
        campaign=campaign, digest=voucher_codes.digest(plain), last_four=plain[-4:], uses=uses
    )


@atomic()
def end(campaign: VoucherCampaign, *, by: User) -> VoucherCampaign:
    """Redeem no more vouchers of the campaign; ending it twice changes nothing."""
    campaign = VoucherCampaign.objects.locked(campaign.pk)
    if campaign.ended_at is None:
        campaign.ended_at = timezone.now()
        campaign.save(update_fields=["ended_at", "updated_at"])
        audit.record(organization=None, actor=by, action="vouchers.ended", target=campaign)
    return campaign


def redeem(
    organization: Organization, text: str, *, by: User, through: ApiKey | None = None
) -> CreditGrant:
    """Grant what the voucher with this code is worth, exactly once however often it is sent.

    Opens the service's transaction itself: of vouchers the app role sees nothing.
    """
    if organization.status != Organization.Status.ACTIVE:
        raise OrganizationSuspended
    code = voucher_codes.plain(text)
    if code is None:
        raise VoucherUnknown
    with service():
        restrictions.refuse_new(organization)
        found = Voucher.objects.filter(digest=voucher_codes.digest(code)).first()
        if found is None:
            raise VoucherUnknown
        return _redeem(organization, Voucher.objects.locked(found.pk), actor=through or by)


def _redeem(organization: Organization, voucher: Voucher, *, actor: User | ApiKey) -> CreditGrant:
    """Redeem a locked voucher."""
    campaign = voucher.campaign
    once = campaign.pk if campaign.is_once_each else voucher.pk
    if VoucherRedemption.objects.filter(organization=organization, once=once).exists():
        raise VoucherUsed
    if voucher.redeemed >= voucher.uses:
        raise VoucherUsed
    if campaign.is_over:
        raise VoucherOver
    if campaign.currency != organization.currency:
        raise VoucherInOtherCurrency
    given = credits.grant(
        organization,
        unit=campaign.unit,
        quantity=campaign.quantity,
        source_key=f"voucher:{once}",
        kind=CreditGrant.Kind.PROMOTIONAL,
        expires_at=timezone.now() + timedelta(days=campaign.validity_days),
        token_class=campaign.token_class,
        priority=campaign.priority,
        by=actor,
        reason=campaign.name,
    )
    voucher.redeemed += 1
    voucher.save(update_fields=["redeemed", "updated_at"])
    try:
        VoucherRedemption.objects.create(
            organization=organization, voucher=voucher, once=once, grant=given
        )
    except IntegrityError as error:
        # Another voucher of the campaign, redeemed at the same moment by the same organization.
        raise VoucherUsed from error
    return given
