"""What was agreed with a customer, as it holds at an instant or over a period."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from billing import periods
from billing.models import (
    BillingProfile,
    Contract,
    ContractEnd,
    ContractTax,
    Issuer,
    LedgerEntry,
    Plan,
    PurchaseOrder,
    TaxTreatment,
    VatState,
)
from billing.models.contracts import TERMS, ContractQuerySet
from billing.models.endings import ContractEndQuerySet
from billing.models.ledger import AccountKind
from billing.taxes import Rates, Tax, tax_of
from common.money import Money
from marketplace import ports
from tenants.models import Organization

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a period in which one contract holds."""

    contract: Contract
    start: datetime
    end: datetime
    days: int


def in_force(organization: Organization, at: datetime) -> Contract | None:
    """Return the contract that holds at the instant."""
    found = Contract.objects.at(at).filter(organization=organization)
    return found.select_related("price_book", "plan").first()


def coming(organization: Organization, at: datetime) -> Contract | None:
    """Return the next contract that is signed and has not begun."""
    signed = Contract.objects.active().filter(organization=organization, effective_from__gt=at)
    return signed.order_by("effective_from").first()


def price_books(organizations: Collection[Organization], at: datetime) -> dict[UUID, UUID]:
    """Return by organization the price book that its contract names at the instant."""
    held = Contract.objects.at(at).filter(organization__in=organizations)
    named = held.exclude(price_book=None).order_by()
    return dict(named.values_list("organization_id", "price_book_id"))


def changes(organizations: Collection[Organization], after: datetime) -> set[datetime]:
    """Return when signed contracts of the organizations begin or end after the instant."""
    signed = Contract.objects.active().filter(organization__in=organizations).order_by()
    begin = signed.filter(effective_from__gt=after).values_list("effective_from", flat=True)
    end = signed.filter(effective_until__gt=after).values_list("effective_until", flat=True)
    return {it for it in begin.union(end) if it is not None}


def naming(book: UUID, at: datetime) -> list[ports.NamingContract]:
    """Return the contracts that name a price book and are not over at the instant."""
    lasting = Q(effective_until=None) | Q(effective_until__gt=at)
    found = Contract.objects.filter(lasting, price_book=book).select_related("organization")
    return [
        ports.NamingContract(
            it.organization,
            it.number,
            it.is_draft,
            it.effective_from is not None and it.effective_from <= at,
            it.effective_from,
        )
        for it in found.order_by("organization__name", "starts_on")
    ]


def customers_of_books(at: datetime) -> dict[UUID, int]:
    """Return by price book how many contracts that hold at the instant name it."""
    held = Contract.objects.at(at).exclude(price_book=None).order_by()
    return dict(held.values_list("price_book").annotate(Count("pk")))


def every() -> ContractQuerySet:
    """Return everybody's contracts, the newest first."""
    return Contract.objects.select_related(
        "organization", "price_book", "plan", "drafted_by", "signed_by"
    )


def of(organization: Organization) -> ContractQuerySet:
    """Return all contracts of the organization, the newest first."""
    return every().filter(organization=organization)


def blank(
    organization: Organization, *, plan: Plan | None = None, like: Contract | None = None
) -> Contract:
    """Return a contract to be drafted, with the terms of a plan or of another contract."""
    pattern: Plan | Contract | None = plan or like
    terms = {name: getattr(pattern, name) for name in TERMS} if pattern else {}
    return Contract(
        organization=organization,
        plan=plan,
        time_zone=organization.time_zone,
        starts_on=timezone.now().astimezone(ZoneInfo(organization.time_zone)).date(),
        recipients=like.recipients if like else [],
        **terms | {"currency": organization.currency},
    )


def plans() -> QuerySet[Plan]:
    """Return all plans with how many customers live by each now, the offered ones first."""
    now = timezone.now()
    lasting = Q(contracts__effective_until=None) | Q(contracts__effective_until__gt=now)
    held = Q(contracts__status=Contract.Status.ACTIVE, contracts__effective_from__lte=now)
    found = Plan.objects.select_related("price_book").annotate(
        customers=Count("contracts", filter=held & lasting)
    )
    return found.order_by("-is_offered", "name")


def ends() -> ContractEndQuerySet:
    """Return everybody's proposed and decided ends of contracts, newest first."""
    return ContractEnd.objects.select_related(
        "organization", "contract", "followed_by__price_book", "proposed_by", "decided_by"
    )


def stretches(organization: Organization, period: periods.Period) -> list[Stretch]:
    """Return how contracts divide the period, in order; days without one are in none of them."""
    signed = Contract.objects.active().filter(organization=organization)
    held = [it for it in signed.order_by("effective_from") if meets(it, period)]
    return [_stretch(it, period, organization.time_zone) for it in held]


def meets(contract: Contract, period: periods.Period) -> bool:
    begins, ends = contract.effective_from, contract.effective_until
    has_begun = begins is not None and begins < period.end
    return has_begun and (ends is None or ends > period.start)


def _stretch(contract: Contract, period: periods.Period, time_zone: str) -> Stretch:
    assert contract.effective_from is not None  # noqa: S101 - signed ones have a beginning
    start = max(contract.effective_from, period.start)
    end = min(contract.effective_until or period.end, period.end)
    zone = ZoneInfo(time_zone)
    first, after = start.astimezone(zone).date(), end.astimezone(zone).date()
    # A contract that is signed during its first day counts from that day on.
    return Stretch(contract, start, end, max((after - first).days, 0))


def days_of(period: periods.Period, time_zone: str) -> int:
    """Return how many days the period has where its customer lives."""
    zone = ZoneInfo(time_zone)
    return (period.end.astimezone(zone).date() - period.start.astimezone(zone).date()).days


def term(contract: Contract | None) -> timedelta:
    """Return how long an invoice may wait for its money."""
    return timedelta(days=contract.net_days if contract else 30)


def grace(contract: Contract | None) -> timedelta:
    """Return how long a draft stays open after its month."""
    return timedelta(days=contract.grace_days if contract else 0)


def issuer_of(organization: Organization) -> Issuer:
    """Return the legal entity that invoices the customer: the one staff chose, or the default."""
    chosen = BillingProfile.objects.filter(organization=organization).values("issuer")
    found = Issuer.objects.filter(pk__in=chosen).first()
    return found or Issuer.objects.get(is_default=True)


def tax(organization: Organization, contract: Contract | None, issuer: Issuer) -> Tax:
    """Return the tax that documents carry: as the contract says, as staff decided, or by countries."""
    profile = BillingProfile.objects.filter(organization=organization).first()
    return tax_by(organization, profile, contract, issuer)


def tax_by(
    organization: Organization,
    profile: BillingProfile | None,
    contract: Contract | None,
    issuer: Issuer,
) -> Tax:
    """Return the same, when the billing details are known."""
    treatment: str = profile.tax_treatment if profile else TaxTreatment.AUTOMATIC
    if contract and contract.tax_treatment != ContractTax.AUTOMATIC:
        treatment = contract.tax_treatment
    return tax_of(
        treatment,
        seller=str(issuer.country),
        buyer=str(profile.country if profile else organization.country),
        is_verified=bool(profile and profile.vat_state == VatState.VERIFIED),
        rates=Rates(issuer.vat_rate, issuer.reduced_rate),
        reason=profile.tax_reason if profile else "",
    )


def owed(organization: Organization, currency: str) -> Decimal:
    """Return what the customer owes now, invoiced or not: the receivable account."""
    entries = LedgerEntry.objects.filter(
        organization=organization,
        account__kind=AccountKind.RECEIVABLE,
        account__currency=currency,
    )
    total: Decimal | None = entries.aggregate(total=Sum("amount"))["total"]
    return total or ZERO


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """A purchase order, what invoices took of it, and whether its time is over."""

    order: PurchaseOrder
    used: Money
    is_lapsed: bool

    @property
    def left(self) -> Money:
        """What can still be billed against it: nothing once it has lapsed."""
        rest = ZERO if self.is_lapsed else self.order.amount - self.used.amount
        return Money(rest, self.used.currency)

    @property
    def lost(self) -> Money:
        """What was left of it when its fiscal year ended."""
        rest = self.order.amount - self.used.amount if self.is_lapsed else ZERO
        return Money(rest, self.used.currency)


def purchase_orders(organization: Organization, today: date) -> list[StandingOrder]:
    """Return the organization's purchase orders with what is left of each."""
    found = PurchaseOrder.objects.filter(organization=organization)
    return [_standing(it, today) for it in found.annotate(taken=Sum("uses__amount"))]


def open_orders(
    organizations: Iterable[UUID], day: date, currency: str
) -> dict[UUID, list[StandingOrder]]:
    """Return by customer those that an invoice of the day can take from, the first to lapse first."""
    found = PurchaseOrder.objects.on(day).filter(organization__in=organizations, currency=currency)
    standing: dict[UUID, list[StandingOrder]] = {}
    for order in found.annotate(taken=Sum("uses__amount")):
        its = _standing(order, day)
        if its.left.amount > 0:
            standing.setdefault(order.organization_id, []).append(its)
    return standing


def _standing(order: PurchaseOrder, today: date) -> StandingOrder:
    used: Decimal = getattr(order, "taken", None) or ZERO
    is_over = order.closed_at is not None or order.lapses_on <= today
    return StandingOrder(order, Money(used, order.currency), is_over)
