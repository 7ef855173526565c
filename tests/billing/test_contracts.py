"""Contracts: signed once, never in the past; what they let a customer owe, and the invoices' terms."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import IntegrityError
from django.db.models import DecimalField, Value
from django.db.models.functions import Cast
from django.utils import timezone

from billing import agreements, funds, periods
from billing.errors import ContractInThePast, ContractInvalid, ContractSigned
from billing.models import (
    Contract,
    Correction,
    CreditGrant,
    IncomingPayment,
    Invoice,
    LateMonth,
    PurchaseOrder,
)
from billing.rating.definition import parse
from billing.rating.lines import rate_piece
from billing.rating.shapes import Piece
from billing.services import (
    contracts,
    corrections,
    invoicing,
    late_usage,
    ledger,
    limits,
    receiving,
)
from billing.services.ledger import AccountKind, Posting
from common.database import service
from common.errors import Conflict, Forbidden
from common.ids import uuid7
from marketplace import demo
from marketplace.models import Offer, Price, PriceBook
from portal.celery import app
from tenants.scope import scope
from tenants.services import organizations
from tests.billing.paper import invoice_of

JANUARY, FEBRUARY = (periods.month(2026, number, "UTC") for number in (1, 2))
INSIDE = timedelta(days=9)
ENDED = datetime(2025, 1, 1, tzinfo=UTC)
POSTPAID = {"overage": "credit_then_invoice", "credit_limit": Decimal("1")}
TIERS = {
    "model": "graduated",
    "tiers": [
        {"up_to": "1000", "unit_amount": "0.001"},
        {"up_to": None, "unit_amount": "0.0005", "flat_amount": "0.1"},
    ],
}


def terms(**facts):
    today = timezone.now().date()
    return {"number": f"C-{uuid7().hex[-8:]}", "starts_on": today, "time_zone": "UTC"} | facts


@pytest.fixture
def kim(person):
    """One of the staff, who signs what others drafted."""
    return person("kim-who-signs@operator.example", is_staff=True)


@pytest.fixture
def sign(acme, alice, kim):
    """Sign a contract with Acme that begins today."""

    def sign(**facts):
        with service():
            contract = contracts.draft(acme, by=alice, facts=terms(**facts))
            return contracts.sign(contract, by=kim, seen=contract.version)

    return sign


@pytest.fixture
def held(acme):
    """Put a contract on record that has long been signed."""

    def held(start, end=None, **facts):
        with service():
            return Contract.objects.create(
                status="active",
                effective_from=start,
                effective_until=end,
                signed_at=start,
                **terms(starts_on=start.date(), **{"organization": acme} | facts),
            )

    return held


@pytest.fixture
def price(db):
    """Put a price on record, whichever offer asks for it."""
    demo.seed()
    book, offer = PriceBook.objects.get(code="standard"), Offer.objects.first()

    def price(definition):
        facts = {"effective_from": ENDED, "effective_until": ENDED}
        with service():
            return Price.objects.create(
                book=book, offer=offer, token_part="input", definition=definition, **facts
            )

    return price


@pytest.fixture
def use(conn, settled):
    """Record a request of so many input tokens, by default paid by nobody."""

    async def use(price, tokens, at, leases=(), **facts):
        amount = facts.pop("amount", price.per_token * tokens)
        one = settled(
            f"r-{uuid7()}",
            amount,
            leases,
            parts={"input": tokens},
            amounts={"input": amount},
            price_ids={"input": price.pk},
            occurred_at=at,
            **facts,
        )
        await funds.record(conn, process_id="p1", batch=[one])

    return use


def test_a_contract_signed_today_holds_from_the_next_quarter_of_an_hour(acme, sign):
    first = sign()
    begins = first.effective_from

    assert timezone.now() <= begins <= timezone.now() + timedelta(minutes=15)
    assert begins.minute % 15 == 0


def test_who_belongs_to_the_customer_signs_nothing_of_it(acme, alice, kim):
    with service():
        draft = contracts.draft(acme, by=kim, facts=terms())
        with pytest.raises(Forbidden):
            contracts.sign(draft, by=alice, seen=draft.version)
        with pytest.raises(Forbidden):
            contracts.sign(draft, by=kim, seen=draft.version)

        assert agreements.in_force(acme, timezone.now()) is None


def test_a_draft_of_which_nobody_knows_who_wrote_it_is_changed_before_it_is_signed(
    acme, alice, kim
):
    with service():
        draft = contracts.draft(acme, by=alice, facts=terms())
        # As those are that were written down before two had to sign.
        Contract.objects.update(drafted_by=None)
        with pytest.raises(Forbidden):
            contracts.sign(draft, by=kim, seen=draft.version)

        draft = contracts.change(draft, by=alice, facts={"net_days": 20})
        assert contracts.sign(draft, by=kim, seen=draft.version).signed_by == kim


def test_the_database_knows_that_two_people_sign(acme, alice, kim, held):
    with pytest.raises(IntegrityError, match="contract_signed_under_four_eyes"):
        held(JANUARY.start, drafted_by=kim, signed_by=kim)


def test_the_next_contract_ends_the_one_before(acme, alice, kim, held):
    old = held(JANUARY.start)
    tomorrow = timezone.now().date() + timedelta(days=1)

    with service():
        new = contracts.draft(acme, by=alice, facts=terms(starts_on=tomorrow))
        new = contracts.sign(new, by=kim, seen=new.version)
        old.refresh_from_db()

        assert old.effective_until == new.effective_from
        assert old.ends_on == tomorrow - timedelta(days=1)
        assert agreements.in_force(acme, timezone.now()) == old
        assert agreements.in_force(acme, new.effective_from) == new


def test_a_contract_in_the_past_is_refused(acme, alice, kim):
    yesterday = timezone.now().date() - timedelta(days=1)

    with service():
        with pytest.raises(ContractInThePast) as refusal:
            contracts.draft(acme, by=alice, facts=terms(starts_on=yesterday))
        draft = contracts.draft(acme, by=alice, facts=terms())
        Contract.objects.update(starts_on=yesterday)
        with pytest.raises(ContractInThePast):
            contracts.sign(draft, by=kim, seen=draft.version)

        assert list(refusal.value.field_errors) == ["starts_on"]
        assert agreements.in_force(acme, timezone.now()) is None


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"credit_limit": Decimal(5)}, "credit_limit"),
        ({"overage": "credit_then_invoice"}, "credit_limit"),
        ({"commitment": Decimal(-1)}, "commitment"),
        ({"commitment": Decimal("NaN")}, "commitment"),
        ({"currency": "USD"}, "currency"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"starts_on": date(2030, 1, 2), "ends_on": date(2030, 1, 1)}, "ends_on"),
    ],
)
def test_terms_nobody_can_live_by_are_refused_by_field(acme, alice, facts, field):
    with service():
        with pytest.raises(ContractInvalid) as refusal:
            contracts.draft(acme, by=alice, facts=terms(**facts))

        assert list(refusal.value.field_errors) == [field]
        assert not Contract.objects.exists()


def test_a_signed_contract_changes_in_nothing_but_its_end(acme, alice, sign):
    contract = sign()

    with pytest.raises(ContractSigned), service():
        contracts.change(contract, by=alice, facts={"net_days": 10})
    with pytest.raises(IntegrityError), service():
        Contract.objects.filter(pk=contract.pk).update(net_days=10)
    with service():
        ended = contracts.end(contract, on=contract.starts_on, by=alice)
    assert ended.effective_until > contract.effective_from


def test_two_contracts_never_hold_at_once(held):
    held(JANUARY.start)

    with pytest.raises(IntegrityError):
        held(FEBRUARY.start)


async def test_what_a_limit_covers_is_owed_and_stops_exactly(
    acme, conn, held, take, settled, books, give
):
    held(JANUARY.start, **POSTPAID)
    give("0.50")
    with service():
        limits.sync(acme)

    leased = await take(conn, "5")
    await funds.record(conn, process_id="p1", batch=[settled("r1", "1.20", leased)])

    # Credit first, then the limit, and not a trillionth more.
    assert [each.quantity for each in leased] == [Decimal("0.5"), Decimal(1)]
    assert books() == {
        "payments_clearing": Decimal("0.5"),
        "receivable": Decimal("0.7"),
        "revenue": Decimal("-1.2"),
    }
    await funds.reclaim(conn, process_id="p1")
    assert sum(each.quantity for each in await take(conn, "5")) == Decimal("0.3")


async def test_a_payment_lets_a_customer_owe_again(acme, conn, held, take, settled):
    held(JANUARY.start, **POSTPAID)
    with service():
        limits.sync(acme)
    leased = await take(conn, "1")
    await funds.record(conn, process_id="p1", batch=[settled("r1", "1", leased)])
    assert not await take(conn, "1")

    with service():
        paid = [
            Posting(AccountKind.PAYMENTS_CLEARING, "EUR", Decimal("0.4")),
            Posting(AccountKind.RECEIVABLE, "EUR", Decimal("-0.4")),
        ]
        ledger.book(acme, key="payment:1", kind="payment", postings=paid)
    limits.sync_all()

    assert sum(each.quantity for each in await take(conn, "1")) == Decimal("0.4")


def limit_left(organization):
    limits.sync_all()
    with service():
        return CreditGrant.objects.get(source_key="limit:EUR", organization=organization).remaining


def test_trouble_with_one_limit_leaves_the_others_theirs(acme, held, alice):
    held(JANUARY.start, **POSTPAID)
    other = organizations.found(name="Other", owner=alice, country="FR")
    nobody_knows = Cast(Value("NaN"), DecimalField(max_digits=30, decimal_places=12))
    held(JANUARY.start, **POSTPAID | {"credit_limit": nobody_knows}, organization=other)

    assert limits.sync_all() == 1
    assert limit_left(acme) == 1
    with service():
        limits.sync_each([other, acme])
        assert not CreditGrant.objects.filter(organization=other).exists()


def test_what_is_written_off_gives_no_limit_back_until_it_is_paid(acme, held, person):
    proposer, approver = (person(f"{it}@operator.example", is_staff=True) for it in ("sam", "kim"))
    held(JANUARY.start, **POSTPAID | {"credit_limit": Decimal(20)})
    invoice = invoice_of(acme, "15.01")
    assert limit_left(acme) == Decimal("1.99")

    with service():
        kind = Correction.Kind.WRITE_OFF
        lost = corrections.propose(invoice, kind=kind, words="Never paid", by=proposer)
        corrections.approve(lost, by=approver)
    assert limit_left(acme) == Decimal("1.99")

    with service():
        source = IncomingPayment.Source.BANK
        receiving.receive(invoice, Decimal("18.01"), source=source, key="late", by=None)
    assert limit_left(acme) == 20


async def test_without_a_contract_nothing_may_be_owed(acme, alice, conn, held, take):
    held(JANUARY.start, timezone.now() - timedelta(seconds=1), **POSTPAID)

    limits.sync_all()

    assert not await take(conn, "1")
    with service():
        assert not CreditGrant.objects.prepaid().exists()


async def test_an_invoice_is_written_by_the_contracts_terms(acme, held, price, use, alice):
    contract = held(JANUARY.start, net_days=45, tax_treatment="reverse_charge")
    with service():
        facts = {"amount": Decimal(100), "by": alice}
        facts |= {"starts_on": date(2026, 1, 1), "lapses_on": date(2027, 1, 1)}
        contracts.add_order(acme, number="PO-7", **facts)
    await use(price({"model": "per_unit", "unit_amount": "0.01"}), 1000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert (invoice.net, invoice.tax, invoice.total) == (10, 0, 10)
    assert (invoice.contract, invoice.purchase_order) == (contract, "PO-7")
    assert invoice.due_at - invoice.issued_at == timedelta(days=45)
    with service():
        order = agreements.purchase_orders(acme, timezone.now().date())[0]
        assert (order.left.amount, order.lost.amount) == (90, 0)
        lapsed = agreements.purchase_orders(acme, date(2027, 1, 1))[0]
        assert (lapsed.left.amount, lapsed.lost.amount) == (0, 90)
        assert PurchaseOrder.objects.count() == 1


async def test_an_invoice_goes_to_whom_the_contract_names(acme, held, price, use):
    held(JANUARY.start, recipients=["treasury@acme.example"])
    await use(price({"model": "per_unit", "unit_amount": "0.01"}), 1000, JANUARY.start + INSIDE)
    invoicing.finalize(acme, JANUARY)

    app.tasks["billing.mail_documents"].delay()

    assert [it.to for it in mail.outbox if it.attachments] == [["treasury@acme.example"]]


async def test_nothing_is_taken_of_an_order_whose_year_is_over(acme, held, price, use, alice):
    held(JANUARY.start)
    years = {"PO-6": (date(2025, 6, 1), date(2026, 6, 1)), "PO-7": (date(2026, 6, 1), date.max)}
    with service():
        for number, (start, end) in years.items():
            facts = {"amount": Decimal(100), "starts_on": start, "lapses_on": end, "by": alice}
            contracts.add_order(acme, number=number, **facts)
    await use(price({"model": "per_unit", "unit_amount": "0.01"}), 1000, JANUARY.start + INSIDE)

    invoice = invoicing.finalize(acme, JANUARY)

    assert invoice.purchase_order == "PO-7"
    with service():
        old, new = agreements.purchase_orders(acme, timezone.now().date())
    assert (old.used.amount, old.left.amount, old.lost.amount) == (0, 0, 100)
    assert (new.used.amount, new.left.amount, new.lost.amount) == (10, 90, 0)


async def test_a_draft_stays_open_for_as_long_as_was_agreed(acme, held, price, use, time_machine):
    held(JANUARY.start, grace_days=5)
    one, closes = price({"model": "per_unit", "unit_amount": "0.01"}), timedelta(days=5)
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 500, JANUARY.end - timedelta(hours=1))

    time_machine.move_to(JANUARY.end + closes - timedelta(seconds=1), tick=False)
    with pytest.raises(Conflict, match="open for late usage"):
        invoicing.finalize(acme, JANUARY)
    assert invoicing.close_periods() == 0
    time_machine.move_to(JANUARY.end + closes, tick=False)

    assert invoicing.close_periods() == 1
    with service():
        assert Invoice.objects.get().net == 15


async def test_each_part_of_a_month_has_its_own_commitment(acme, held, price, use):
    middle = datetime(2026, 1, 11, tzinfo=UTC)
    held(JANUARY.start, middle, commitment=Decimal(31))
    held(middle, commitment=Decimal(62))
    one = price({"model": "per_unit", "unit_amount": "0.01"})
    await use(one, 1500, JANUARY.start)
    await use(one, 200, middle)

    invoice = invoicing.finalize(acme, JANUARY)

    # Ten days of 31 are passed by 15 of usage; 21 days of 62 come to 42, of which 2 were used.
    with service():
        found = list(invoice.lines.values_list("kind", "amount"))
        assert found == [("usage", Decimal(17)), ("commitment", Decimal(40))]
        assert agreements.owed(acme, "EUR") == invoice.total


async def test_the_period_comes_to_what_rating_it_at_once_does(acme, price, use, books):
    one = price(TIERS)
    for tokens in (400, 700, 1000):
        await use(one, tokens, JANUARY.start + INSIDE)

    with scope(acme):
        draft = invoicing.draft(acme, JANUARY)
    invoice = invoicing.finalize(acme, JANUARY)

    whole = rate_piece(parse(TIERS), Piece(Decimal(2100)), currency="EUR")
    assert draft.net == invoice.net == whole.total == Decimal("1.65")
    assert books()["receivable"] == invoice.total
    assert -books()["revenue"] == whole.total_exact


async def test_credit_that_paid_too_much_comes_back(acme, conn, price, use, give, take, books):
    give("3")
    leased = await take(conn, "3")
    await use(price(TIERS), 2100, JANUARY.start + INSIDE, leased)

    invoice = invoicing.finalize(acme, JANUARY)

    # 2.10 were taken at the dearest tier; the month is worth 1.65.
    assert invoice.total == 0
    assert -books()["customer_prepaid"] == Decimal("0.90") + Decimal("0.45")
    assert -books()["revenue"] == Decimal("1.65")
    assert "receivable" not in books()
    assert invoicing.finalize(acme, JANUARY) == invoice


async def test_late_usage_in_another_tier_books_the_difference(acme, price, use, books):
    one = price(TIERS)
    await use(one, 900, JANUARY.start + INSIDE)
    first = invoicing.finalize(acme, JANUARY)
    await use(one, 300, JANUARY.start + INSIDE)

    second = invoicing.finalize(acme, FEBRUARY)

    assert first.net == Decimal("0.90")
    assert first.net + second.net == Decimal("1.20")
    assert books()["receivable"] == first.total + second.total
    assert -books()["revenue"] == Decimal("1.20")


async def test_usage_that_comes_late_again_and_again_is_trued_up_each_time(acme, price, use, books):
    package = price({"model": "package", "package_size": "1000", "package_amount": "1"})
    total = Decimal(0)
    for number in range(1, 5):
        await use(package, 1500 if number == 1 else 100, JANUARY.start + INSIDE)
        invoice = invoicing.finalize(acme, periods.month(2026, number, "UTC"))
        total += invoice.total if invoice else 0

    # Two packages, however often a little more of the second is used.
    assert -books()["revenue"] == 2
    assert books()["receivable"] == total
    assert sum(books().values()) == 0


async def test_tokens_of_long_prompts_count_more_on_drafts_and_invoices(acme, price, use):
    definition = {"model": "per_unit", "unit_amount": "0.001"}
    long = [{"above": "1000", "multiplier": "2"}]
    one = price(definition | {"long_context": long})
    await use(one, 1000, JANUARY.start + INSIDE)
    counts = {"multipliers": {"input": Decimal(2)}, "amount": Decimal(4)}
    await use(one, 2000, JANUARY.start + INSIDE, **counts)

    with scope(acme):
        draft, again = invoicing.draft(acme, JANUARY), invoicing.rerated(acme, JANUARY)

    assert draft == again
    assert [(it.quantity, it.amount) for it in draft.lines] == [(1000, 1), (2000, 4)]


async def test_usage_that_comes_too_late_waits_for_a_person(acme, kim, held, price, use):
    held(JANUARY.start, late_days=1)
    one = price({"model": "per_unit", "unit_amount": "0.01"})
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 1000, FEBRUARY.start + INSIDE)

    first = invoicing.finalize(acme, FEBRUARY)

    assert first.net == 10
    with service():
        month = LateMonth.objects.undecided().get()
        late_usage.decide(month, accept=True, by=kim)
    march = periods.month(2026, 3, "UTC")
    await use(one, 100, march.start + INSIDE)
    assert invoicing.finalize(acme, march).net == 11


@pytest.mark.parametrize("accept", [True, False])
async def test_what_comes_after_the_decision_waits_for_another(acme, kim, held, price, use, accept):
    held(JANUARY.start, late_days=1)
    one = price({"model": "per_unit", "unit_amount": "0.01"})
    await use(one, 1000, JANUARY.start + INSIDE)
    await use(one, 100, FEBRUARY.start + INSIDE)
    invoicing.finalize(acme, FEBRUARY)
    with service():
        late_usage.decide(LateMonth.objects.get(label="2026-01"), accept=accept, by=kim)
    await use(one, 500, JANUARY.start + INSIDE)

    first = invoicing.finalize(acme, periods.month(2026, 3, "UTC"))

    assert first is None
    with service():
        waiting = LateMonth.objects.undecided().get(label="2026-01")
        late_usage.decide(waiting, accept=True, by=kim)
    second = invoicing.finalize(acme, periods.month(2026, 4, "UTC"))
    assert second.net == 15
