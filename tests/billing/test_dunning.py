"""Overdue invoices: each stage once, nothing while it is disputed, and all undone by the payment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import mail
from django.db import ProgrammingError, connections
from django.utils import timezone

from billing import overdue
from billing.models import Dispute, DunningPolicy, DunningStep, IncomingPayment, Invoice
from billing.services import disputes, dunning, invoicing, receiving
from common.database import service
from common.errors import DomainError
from tenants.models import Organization
from tenants.scope import scope
from tenants.services import organizations
from tests.billing.paper import invoice_of


@pytest.fixture
def sam(person):
    return person("sam-who-duns@operator.example", is_staff=True)


@pytest.fixture
def owe(acme):
    """An invoice of Acme's over 100 euros that has been due for so many days."""

    def owe(days, number="D-2026-000001", organization=acme):
        now = timezone.now()
        with service():
            issuer = invoicing.default_issuer()
            return Invoice.objects.create(
                organization=organization,
                issuer=issuer,
                kind=Invoice.Kind.USAGE,
                status=Invoice.Status.OPEN,
                number=number,
                period_start=now.replace(microsecond=int(number[-6:])),
                currency="EUR",
                seller=issuer.snapshot("EUR"),
                buyer={"legal_name": "Acme", "address": "", "country": "FR", "vat_id": ""},
                net=100,
                tax_rate=0,
                tax=0,
                total=100,
                exact_net=100,
                issued_at=now - timedelta(days=days + 30),
                due_at=now - timedelta(days=days, minutes=1),
            )

    return owe


def test_trouble_with_one_customer_leaves_the_others_their_stages(owe, alice):
    other = organizations.found(name="Other", owner=alice, country="FR")
    ours, theirs = owe(40), owe(41, number="D-2026-000002", organization=other)
    with service():
        nonsense = [{"days": "soon", "act": "suspend"}]
        policy = DunningPolicy.objects.create(organization=other, stages=nonsense)
        DunningStep.objects.create(
            organization=other, invoice=theirs, position=0, act="restrict", before={}
        )

    assert dunning.sweep() == len(acts()) - 1 > 0
    assert stands()[0] == "suspended"

    pay(ours)
    dunning.sweep()
    assert stands() == ("active", None)
    with service():
        policy.delete()
    assert dunning.sweep() > 0


def acts():
    with service():
        steps = DunningStep.objects.order_by("position")
        return [(step.act, step.undone_at is not None) for step in steps]


def stands():
    with service():
        acme = Organization.objects.get(slug="acme")
    return acme.status, acme.restricted_rpm


def pay(invoice, amount=100):
    with service():
        receiving.receive(
            invoice,
            Decimal(amount),
            source=IncomingPayment.Source.BANK,
            key=f"{invoice.pk}:{amount}",
            by=None,
        )


@pytest.mark.parametrize(
    ("days", "reached"),
    [
        (0, []),
        (3, ["mail"]),
        (10, ["mail", "mail"]),
        (20, ["mail", "mail", "restrict"]),
        (30, ["mail", "mail", "restrict", "suspend"]),
    ],
)
def test_each_stage_is_taken_once(owe, days, reached):
    owe(days)

    for _ in range(2):
        dunning.sweep()

    assert [act for act, _undone in acts()] == reached
    # Whoever is shut out is told of that too.
    assert len(mail.outbox) == reached.count("mail") + reached.count("suspend")


def test_the_reminder_says_what_to_pay_and_how(owe):
    invoice = owe(3)

    dunning.sweep()

    assert "100.00 EUR" in mail.outbox[0].body
    assert invoice.payment_reference in mail.outbox[0].body


def test_a_payment_undoes_what_was_taken_away(acme, sam, owe):
    with service():
        organizations.change(acme, by=sam, restricted_rpm=600)
    invoice = owe(30)
    dunning.sweep()
    assert stands() == ("suspended", 10)

    pay(invoice)

    assert stands() == ("active", 600)
    assert acts() == [("mail", False), ("mail", False), ("restrict", True), ("suspend", True)]


def test_a_part_undoes_nothing(owe):
    invoice = owe(30)
    dunning.sweep()

    pay(invoice, 99)

    assert stands() == ("suspended", 10)


def test_who_was_given_up_on_stays_held_back_until_they_pay(acme, owe):
    invoice = owe(30)
    dunning.sweep()
    with service():
        Invoice.objects.filter(pk=invoice.pk).update(status=Invoice.Status.UNCOLLECTIBLE)

    dunning.sweep()
    assert stands() == ("suspended", 10)
    pay(invoice)

    assert stands() == ("active", None)


def test_who_owes_another_invoice_stays_held_back_until_it_is_paid(owe):
    first, second = owe(30), owe(30, "D-2026-000002")
    dunning.sweep()

    pay(first)
    assert stands() == ("suspended", 10)
    pay(second)

    assert stands() == ("active", None)


def test_who_staff_suspended_stays_suspended(acme, sam, owe):
    with service():
        organizations.suspend(acme, reason="fraud", by=sam)
    invoice = owe(30)
    dunning.sweep()

    pay(invoice)

    assert stands()[0] == "suspended"


def test_who_staff_suspends_while_they_owe_is_not_let_in_by_paying(acme, owe, staff_client):
    invoice = owe(30)
    dunning.sweep()
    page = "/staff/customers/acme/status/"
    assert "reason of your own" in staff_client.get(page).content.decode()

    kept = staff_client.post(page, {"status": "suspended", "reason": "fraud"})
    pay(invoice)

    assert kept.status_code == 302
    assert stands()[0] == "suspended"
    with service():
        assert organizations.reason_of_suspension(acme) == "fraud"


def test_who_staff_let_in_and_suspended_again_is_not_let_in_by_paying(acme, sam, owe):
    invoice = owe(30)
    dunning.sweep()
    with service():
        organizations.reactivate(acme, reason="They promised to pay", by=sam)
        organizations.suspend(acme, reason="fraud", by=sam)

    pay(invoice)

    assert stands()[0] == "suspended"


def test_what_dunning_says_does_not_replace_the_reason_of_staff(acme, sam, owe):
    with service():
        organizations.suspend(acme, reason="fraud", by=sam)
    owe(30)

    dunning.sweep()

    with service():
        assert organizations.reason_of_suspension(acme) == "fraud"


def test_a_limit_that_staff_set_meanwhile_is_theirs(acme, sam, owe):
    invoice = owe(20)
    dunning.sweep()
    with service():
        organizations.change(acme, by=sam, restricted_rpm=42)

    pay(invoice)

    assert stands() == ("active", 42)


def test_a_debtor_cannot_lift_the_restriction(acme, alice_client, owe):
    owe(20)
    dunning.sweep()
    page = "/o/acme/settings/"
    facts = {"name": "Acme", "kind": "startup", "country": "FR", "time_zone": "UTC"}

    assert "per minute at most: 10." in alice_client.get(page).content.decode()
    saved = alice_client.post(page, {**facts, "rpm_limit": "600", "restricted_rpm": "600"})

    assert saved.status_code == 302
    assert stands() == ("active", 10)
    with service():
        assert Organization.objects.get(slug="acme").rpm_limit == 600


@pytest.mark.parametrize("limit", ["restricted_rpm", "restricted_tpm", "restricted_concurrency"])
def test_the_app_role_has_no_hand_on_the_restriction(acme, limit):
    with pytest.raises(ProgrammingError, match="permission denied"), scope(acme):
        Organization.objects.update(**{limit: None})


def test_a_disputed_invoice_is_left_alone(acme, alice, owe, staff_client):
    invoice = owe(30)
    with service():
        Dispute.objects.create(organization=acme, invoice=invoice, reason="no", opened_by=alice)

    dunning.sweep()

    assert acts() == []
    assert "Disputed: left alone" in staff_client.get("/staff/dunning/").content.decode()


@pytest.fixture
def open_invoice(acme):
    """An invoice of Acme's of two lines: 12.00 and 6.01 euros with tax."""
    return invoice_of(acme, "10.00", "5.01")


def object_to(invoice, by, position=None, claimed=None):
    with scope(invoice.organization):
        line = invoice.lines.get(position=position) if position else None
        return disputes.open_(invoice, by=by, reason="no", line=line, claimed=claimed)


def dun(invoice):
    """Let the first stage come due."""
    dunning.sweep(invoice.due_at + timedelta(days=4))


@pytest.mark.parametrize(("position", "claimed"), [(2, None), (1, "0.01"), (None, "0.01")])
def test_what_nobody_objects_to_is_owed_meanwhile(alice, open_invoice, position, claimed):
    object_to(open_invoice, alice, position, claimed and Decimal(claimed))

    dun(open_invoice)

    assert acts() == [("mail", False)]


def test_who_pays_what_they_do_not_object_to_is_left_alone(alice, open_invoice):
    object_to(open_invoice, alice, 2)
    pay(open_invoice, "12.00")

    dun(open_invoice)

    assert acts() == []


def test_who_objects_to_every_line_is_left_alone(alice, open_invoice):
    object_to(open_invoice, alice, 1)
    object_to(open_invoice, alice, 2)

    dun(open_invoice)

    assert acts() == []


def refused(dispute, sam):
    with service():
        disputes.refuse(dispute, by=sam, answer="You did use it.")


def withdrawn(dispute, sam):
    with scope(dispute.organization_id):
        disputes.withdraw(dispute, by=dispute.opened_by)


@pytest.mark.parametrize("close", [refused, withdrawn])
@pytest.mark.parametrize(("first", "again"), [(None, None), (None, 1), (1, None)])
def test_objecting_again_in_vain_holds_nothing_off(alice, sam, open_invoice, close, first, again):
    close(object_to(open_invoice, alice, first), sam)
    object_to(open_invoice, alice, again)

    dun(open_invoice)

    assert acts() == [("mail", False)]


def test_sweeps_at_once_take_a_stage_once(owe):
    owe(3)
    gate = threading.Barrier(5)

    def work():
        gate.wait()
        try:
            return dunning.sweep()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        counts = [each.result() for each in [pool.submit(work) for _ in range(5)]]

    assert sum(counts) == 1
    assert len(mail.outbox) == 1


def test_an_organization_has_its_own_stages(acme, sam, owe):
    with service():
        dunning.set_stages(acme, [{"days": 60, "act": "mail"}], by=sam)
    owe(30)

    dunning.sweep()

    assert acts() == []


@pytest.mark.parametrize(
    "stages",
    [
        [{"days": -1, "act": "mail"}],
        [{"days": "3", "act": "mail"}],
        [{"days": True, "act": "mail"}],
        [{"days": 3, "act": "shout"}],
        [{"days": 9, "act": "mail"}, {"days": 3, "act": "suspend"}],
        [{"days": 3, "act": "mail"}, {"days": 3, "act": "suspend"}],
        [{"days": 3}],
        [{"days": it, "act": "mail"} for it in range(11)],
    ],
)
def test_stages_that_cannot_be_meant_are_refused(acme, sam, stages):
    with pytest.raises(DomainError), service():
        dunning.set_stages(acme, stages, by=sam)


def test_what_is_owed_stands_by_age(owe, staff_client):
    for position, days in enumerate((-5, 3, 40, 70, 200)):
        owe(days, f"D-2026-00000{position + 1}")
    dunning.sweep()

    with service():
        (row,) = overdue.aging()
    assert [it.amount for it in row.amounts] == [100] * 5
    assert row.total.amount == 500
    page = staff_client.get("/staff/dunning/").content.decode()
    assert "D-2026-000005" in page
    assert "D-2026-000001" not in page


def test_nothing_overdue_is_told(staff_client):
    assert "Nothing is overdue" in staff_client.get("/staff/dunning/").content.decode()


SUSPEND = [{"days": 5, "act": "suspend"}]


def test_the_contract_says_what_is_done(owe, held):
    held(dunning=[{"days": 30, "act": "restrict"}])
    owe(30)

    dunning.sweep()

    assert [act for act, _undone in acts()] == ["restrict"]


def test_for_a_ministry_nothing_is_done(owe, held):
    held(dunning=[])
    owe(365)

    assert (dunning.sweep(), acts(), stands()) == (0, [], ("active", None))


def test_a_contract_that_says_nothing_leaves_the_usual(owe, held, sam):
    held()
    with service():
        dunning.set_stages(None, SUSPEND, by=sam)
        dunning.set_stages(None, [{"days": 4, "act": "suspend"}], by=sam)
    owe(4)

    dunning.sweep()

    assert [act for act, _undone in acts()] == ["suspend"]


def test_what_is_agreed_otherwise_comes_back_and_is_taken_again_when_it_is_due(owe, held, sam):
    invoice = owe(30)
    dunning.sweep()
    assert stands() == ("suspended", 10)

    held(dunning=[{"days": 3, "act": "mail"}, {"days": 90, "act": "suspend"}])
    dunning.sweep()
    dunning.sweep()
    assert stands() == ("active", None)
    dunning.sweep(timezone.now() + timedelta(days=60))

    assert stands() == ("suspended", None)
    with service():
        standing = DunningStep.objects.standing().filter(invoice=invoice)
        assert [step.act for step in standing] == ["suspend"]


@pytest.mark.parametrize(
    "text", ["", "3", "mail 3", "-3 mail", "3 shout", "9 mail\n3 mail", "٣ mail"]
)
def test_usual_stages_that_cannot_be_meant_are_refused(staff_client, text):
    assert staff_client.post("/staff/dunning/", {"stages": text}).status_code == 422


def test_the_desk_sets_the_usual_stages(staff_client):
    page = "/staff/dunning/"
    assert "30 suspend" in staff_client.get(page).content.decode()

    for text in ("3 mail\n60 suspend", "none", "7: Mail"):
        assert staff_client.post(page, {"stages": text}).status_code == 302

    assert "7 mail" in staff_client.get(page).content.decode()
    with service():
        assert dunning.usual() == [{"days": 7, "act": "mail"}]
