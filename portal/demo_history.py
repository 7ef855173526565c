"""What the demo's customers did before today: usage of two months, invoices, and two disputes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from billing import periods, reported
from billing.models import (
    Contract,
    Correction,
    CreditGrant,
    Dispute,
    Invoice,
    InvoiceLine,
    PurchaseOrder,
)
from billing.services import contracts, corrections, credits, disputes, invoicing, profiles
from common.database import service
from common.money import round_to_minor
from metering.reports import LATE, TYPE
from tenants.key_scopes import METERING
from tenants.models import Organization, User
from tenants.scope import scope
from tenants.services import api_keys

METER, METER_OF_OTHERS = "Proxy of the ministry", "Own proxy"
CONTRACT, ORDER = "RC-2026-017", "BC-2026-0118"
TWICE = "Our proxy was restarted on the last evening and sent some of its requests twice."
TRIED = "We only tried this model out; your sales team had offered us the trial."
#: Model, then tokens of a usual request by part.
HABITS: tuple[tuple[str, dict[str, int]], ...] = (
    ("atlas-large", {"input": 41_870, "cached_input": 22_400, "output": 4_913}),
    ("atlas-mini", {"input": 12_604, "output": 655}),
    ("atlas-reason", {"input": 50_215, "output": 2_480, "reasoning": 13_322}),
    ("atlas-large", {"input": 58_330, "output": 6_207}),
    ("atlas-embed", {"input": 6_150}),
    ("atlas-rerank", {"input": 5_300}),
)
SATURDAY = 5
#: A gift in euros to those who pay beforehand: more than they used.
GIFT = Decimal(200)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A customer's own meter: what it is called, and how many requests it counts on a day."""

    key_name: str
    source: str
    weekdays: int
    weekends: int


#: Public offices: few requests at weekends.
OF_MINISTRY = Proxy(METER, "proxy.ministry.example", 26, 3)
#: Who pays what everybody pays, by name: with them a change of the list moves something, and figures
#: of models are of enough customers to be told.
OF_OTHERS = {
    "Harbour Robotics": Proxy(METER_OF_OTHERS, "proxy.robotics.example", 17, 6),
    "Morning Press": Proxy(METER_OF_OTHERS, "proxy.press.example", 11, 9),
}


def seed(ministry: Organization, *, owner: User, staff: User, colleague: User) -> None:
    """Let a meter of the ministry's have counted until now, and its last month be invoiced.

    Before it is given credit: what nobody paid for is owed. Done again, nothing is done twice.
    """
    _terms(ministry, owner, staff, colleague)
    _report(ministry, owner, OF_MINISTRY)
    month = periods.containing(timezone.now(), ministry.time_zone)
    invoice = invoicing.finalize(ministry, periods.before(month, ministry.time_zone))
    if invoice is not None and invoice.status == Invoice.Status.OPEN:
        _dispute(invoice, owner=owner, staff=staff, colleague=colleague)


def seed_other(customer: Organization, *, owner: User) -> None:
    """Let a customer that pays list prices have used models as long, paid from a gift; once."""
    with service():
        credits.grant(
            customer,
            unit=CreditGrant.Unit.MONEY,
            quantity=GIFT,
            kind=CreditGrant.Kind.PROMOTIONAL,
            source_key="demo-history",
        )
    _report(customer, owner, OF_OTHERS[customer.name])


def _terms(ministry: Organization, owner: User, staff: User, colleague: User) -> None:
    """Agree on a contract that begins today, with an order to bill against."""
    today = timezone.now().date()
    facts: dict[str, Any] = {"number": CONTRACT, "starts_on": today, "time_zone": "UTC"}
    with scope(ministry):
        profiles.update(
            ministry,
            by=owner,
            facts={
                "legal_name": "Ministry of Works and Public Infrastructure (demo)",
                "line1": "12 place de l'Exemple",
                "postal_code": "75007",
                "city": "Paris",
                "country": "FR",
                "emails": ["invoices@ministry.example"],
            },
        )
    with service():
        if not PurchaseOrder.objects.filter(organization=ministry).exists():
            contracts.add_order(
                ministry,
                number=ORDER,
                amount=Decimal(12_000),
                starts_on=today,
                lapses_on=today + timedelta(days=365),
                by=staff,
            )
        if not Contract.objects.filter(organization=ministry).exists():
            facts |= {"commitment": Decimal(20), "currency": ministry.currency}
            drafted = contracts.draft(ministry, by=staff, facts=facts)
            contracts.sign(drafted, by=colleague, seen=drafted.version)


def _report(customer: Organization, owner: User, proxy: Proxy) -> None:
    """Report what a proxy of the customer's own counted; the key it did that with is closed."""
    name = proxy.key_name
    with scope(customer):
        key = customer.api_keys.filter(name=name).first()
        key = key or api_keys.create(customer, name=name, by=owner, scopes=(METERING,)).api_key
    reported.take_in(list(_counted(proxy, timezone.now())), key=key)
    with scope(customer):
        api_keys.revoke(key, by=owner)


def _counted(proxy: Proxy, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the events of each day for which reports are still taken, until now."""
    month = periods.containing(now, "UTC")
    last = periods.before(month, "UTC").start
    first = max((now - LATE).date() + timedelta(days=1), last.date())
    for number in range((now.date() - first).days + 1):
        day = first + timedelta(days=number)
        yield from (event for event in _of_day(proxy, day) if event["time"] < now.isoformat())


def _of_day(proxy: Proxy, day: date) -> Iterator[dict[str, Any]]:
    many = proxy.weekends if day.weekday() >= SATURDAY else proxy.weekdays + day.toordinal() % 9
    for number in range(many):
        model, usual = HABITS[(day.toordinal() + number) % len(HABITS)]
        # Nobody's requests are all alike; the demo's are nevertheless the same each time.
        percent = 40 + (day.toordinal() * 7 + number * 29) % 160
        # In few quarters of an hour: the prices of each are looked up.
        minutes = 195 * (number % 3) + number // 3
        at = datetime.combine(day, time(8), UTC) + timedelta(minutes=minutes)
        yield {
            "specversion": "1.0",
            "type": TYPE,
            "source": proxy.source,
            "id": f"{day:%Y%m%d}-{number:03}",
            "time": at.isoformat(),
            "data": {
                "model": model,
                "tokens": {part: count * percent // 100 for part, count in usual.items()},
                "streamed": number % 3 > 0,
                "ttft_ms": 120 + 3 * percent,
                "latency_ms": 900 + 40 * percent,
            },
        }


def _dispute(invoice: Invoice, *, owner: User, staff: User, colleague: User) -> None:
    """Object to two lines: of one a part was taken back, the other waits for a second person."""
    with service():
        if Dispute.objects.filter(invoice=invoice).exists():
            return
        largest, second = InvoiceLine.objects.filter(invoice=invoice).order_by("-amount")[:2]
        twice = disputes.open_(invoice, by=owner, line=largest, reason=TWICE)
        part = corrections.propose(
            invoice,
            kind=Correction.Kind.CREDIT,
            line=largest,
            amount=round_to_minor(largest.amount / 4, invoice.currency),
            words="Our log shows that evening, too: a quarter of these requests came twice.",
            by=colleague,
            dispute=twice,
        )
        corrections.approve(part, by=staff)
        tried = disputes.open_(invoice, by=owner, line=second, reason=TRIED)
        corrections.propose(
            invoice,
            kind=Correction.Kind.CREDIT,
            line=second,
            words="Sales confirm the offer: the trial month is free of charge.",
            by=colleague,
            dispute=tried,
        )
