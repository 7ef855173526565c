"""Turns a missed service level into credit with the month's invoice, once and without a ticket.

What is left to pay on the invoice goes down by a line; what credit had paid already comes back as credit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import accumulate, pairwise
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from billing.drafts import SERVICE_CREDIT, Draft, DraftLine
from billing.judging import Judged
from billing.models import AccountKind, CreditGrant, Invoice, ServiceMonth
from billing.periods import Period
from billing.services import credits, ledger
from billing.services.ledger import Operation, Posting
from billing.services.months import Month
from common.money import exact, round_to_minor
from marketplace import service_levels
from marketplace.models import ServiceLevel
from metering import answered
from metering.answered import Answered
from tenants.models import Organization

ZERO = Decimal(0)
#: Digits for an amount times calls without rounding.
EXACT_DIGITS = 60
#: What of a month's lines an offer costs.
CHARGED = frozenset({"usage", "fee", "minimum"})


@dataclass(frozen=True, slots=True)
class Credited:
    """A judged month, and where its credit goes."""

    judged: Judged
    on_invoice: Decimal
    line: DraftLine | None

    @property
    def as_credit(self) -> Decimal:
        """What comes back as credit: nothing was left to pay on the invoice."""
        return self.judged.credit - self.on_invoice


def of_each(asked: Sequence[Month], drafts: Sequence[Draft]) -> list[list[Credited]]:
    """Return for each month what was promised, what came of it, and what is credited.

    A month that was judged already is not judged again.
    """
    judged = _judged(asked, drafts)
    return [_credited(judged[at], draft) for at, draft in enumerate(drafts)]


def _judged(asked: Sequence[Month], drafts: Sequence[Draft]) -> list[list[Judged]]:
    alike: dict[Period, list[int]] = {}
    for place, month in enumerate(asked):
        alike.setdefault(month.period, []).append(place)
    found: list[list[Judged]] = [[] for _month in asked]
    for period, places in alike.items():
        levels = service_levels.at(period.start)
        if not levels:
            continue
        owners = [asked[place].organization.pk for place in places]
        measured = answered.of(owners, period.start, period.end, names=levels.keys())
        done = _done(owners, period)
        for place in places:
            owner = asked[place].organization.pk
            found[place] = [
                it
                for name in levels
                for it in _of_offer(levels[name], measured, drafts[place], owner)
                if (owner, name, it.region) not in done
            ]
    return found


def _of_offer(
    level: ServiceLevel, measured: Mapping[answered.Key, Answered], draft: Draft, owner: UUID
) -> list[Judged]:
    """Return a customer's month of an offer in each region, each with its part of the charges."""
    name = level.offer.name
    its = {it[2]: measured[it] for it in sorted(measured) if it[:2] == (owner, name)}
    parts = divided(_charges(draft, name), [one.calls for one in its.values()])
    return [
        Judged(level, region, one, part)
        for (region, one), part in zip(its.items(), parts, strict=True)
    ]


def divided(charges: Decimal, calls: Sequence[int]) -> list[Decimal]:
    """Divide an offer's charges among its regions by their calls; nothing is lost or said twice.

    Lines of an invoice tell no region: without this each region's miss would be worth a share of all.
    """
    all_calls = sum(calls) or 1
    with localcontext(prec=EXACT_DIGITS):
        ends = [exact(charges * so_far / all_calls) for so_far in accumulate(calls, initial=0)]
        return [end - begin for begin, end in pairwise(ends)]


def _done(owners: Sequence[UUID], period: Period) -> set[tuple[UUID, str, str]]:
    months = ServiceMonth.objects.filter(organization__in=owners, starts_at=period.start)
    return set(months.order_by().values_list("organization_id", "offer_name", "region"))


def _charges(draft: Draft, offer_name: str) -> Decimal:
    own = (it for it in draft.lines if it.kind in CHARGED and it.offer_name == offer_name)
    return sum((it.exact_amount for it in own), ZERO)


def _credited(judged: Iterable[Judged], draft: Draft) -> list[Credited]:
    """Return where each credit goes: no more comes off the invoice than is left to pay of the month."""
    left, asked = draft.due, draft.net
    found = []
    for it in judged:
        taken = min(it.credit, left)
        left -= taken
        # Whatever takes the rest takes its cents, too.
        amount = min(round_to_minor(taken, draft.currency), asked) if left else asked
        asked -= amount if taken else ZERO
        found.append(Credited(it, taken, _line(it, taken, amount) if taken else None))
    return found


def _line(judged: Judged, taken: Decimal, amount: Decimal) -> DraftLine:
    words = _("Service credit · %(model)s · level %(number)s · %(percent)s %%") % {
        "model": judged.offer_name,
        "number": judged.level.number,
        "percent": f"{judged.percent.normalize():f}",
    }
    return DraftLine(
        SERVICE_CREDIT,
        words,
        Decimal(1),
        -taken,
        -taken,
        -amount,
        offer_name=judged.offer_name,
    )


def lines(credited: Iterable[Credited]) -> list[DraftLine]:
    """Return what stands on the invoice of it."""
    return [it.line for it in credited if it.line is not None]


def keep(
    invoice: Invoice,
    organization: Organization,
    period: Period,
    credited: Sequence[Credited],
) -> None:
    """Write how a month was judged, and book its credit; part of the transaction of its invoice."""
    ServiceMonth.objects.bulk_create(_row(invoice, organization, period, it) for it in credited)
    for it in credited:
        name = (
            f"service-credit:{period.start.isoformat()}:{it.judged.offer_name}:{it.judged.region}"
        )
        if it.on_invoice:
            ledger.book_all([_operation(organization, invoice.currency, name, it.on_invoice)])
        if it.as_credit:
            credits.grant(
                organization,
                unit=CreditGrant.Unit.MONEY,
                quantity=it.as_credit,
                source_key=name,
                kind=CreditGrant.Kind.PROMOTIONAL,
                currency=invoice.currency,
                reason=f"{period.label}: service level of {it.judged.offer_name} missed",
            )


def _operation(organization: Organization, currency: str, name: str, taken: Decimal) -> Operation:
    postings = (
        Posting(AccountKind.RECEIVABLE, currency, -taken),
        Posting(AccountKind.REVENUE, currency, taken),
    )
    return Operation(organization.pk, name, "service-credit", postings)


def _row(
    invoice: Invoice, organization: Organization, period: Period, it: Credited
) -> ServiceMonth:
    judged = it.judged
    return ServiceMonth(
        organization=organization,
        offer_name=judged.offer_name,
        region=judged.region,
        starts_at=period.start,
        ends_at=period.end,
        level=judged.level,
        calls=judged.its.calls,
        failed=judged.its.failed,
        verdicts=[each.as_json() for each in judged.verdicts],
        is_judged=judged.is_enough,
        is_missed=judged.is_missed,
        currency=invoice.currency,
        charges=judged.charges,
        percent=judged.percent,
        credit=judged.credit,
        on_invoice=it.on_invoice,
        as_credit=it.as_credit,
        invoice_number=invoice.number,
        judged_at=timezone.now(),
    )
