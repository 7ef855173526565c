"""Credit comes each month once, keeps what was agreed of the month before, and stops when told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone

from billing import periods
from billing.models import CreditGrant, Lease, LedgerEntry, RecurringGrant, RecurringInstance
from billing.services import credits, recurring
from common.database import service
from common.errors import DomainError
from tenants.models import AuditEntry, Organization
from tenants.scope import scope
from tenants.services import organizations

JUNE = datetime(2027, 6, 10, 12, tzinfo=UTC)
END_OF_JUNE = datetime(2027, 6, 30, 12, tzinfo=UTC)
JULY = datetime(2027, 7, 1, 0, 1, tzinfo=UTC)
AUGUST = datetime(2027, 8, 1, 0, 1, tzinfo=UTC)
PAGE = "/staff/customers/acme/monthly/"


@pytest.fixture
def sam(person):
    """A member of the operator's staff."""
    return person("sam-of-sales@operator.example", is_staff=True)


@pytest.fixture
def june(time_machine):
    """It is June; answers the clock."""
    time_machine.move_to(JUNE, tick=False)
    return time_machine


@pytest.fixture
def begin(acme, sam, june):
    """Give Acme ten euros every month from June on."""

    def begin(**facts):
        terms = {
            "unit": "money",
            "quantity": Decimal(10),
            "first_month": "2027-06",
            "reason": "Pilot",
            "operation": uuid4(),
        }
        with service():
            return recurring.begin(acme, by=sam, **(terms | facts))

    return begin


def grants(acme):
    with scope(acme):
        return list(CreditGrant.objects.order_by("effective_from"))


def left(acme):
    return [given.remaining for given in grants(acme)]


def use(acme, quantity):
    with service():
        given = CreditGrant.objects.filter(organization=acme).earliest("effective_from")
        given.remaining -= quantity
        given.save(update_fields=["remaining"])


def expire(given):
    with service():
        credits.expire(given)


def test_the_present_month_is_granted_at_once_and_ends_with_it(acme, begin):
    begin()

    (given,) = grants(acme)
    assert (given.remaining, given.kind, given.cost_basis) == (Decimal(10), "promotional", 0)
    assert given.effective_from == datetime(2027, 6, 1, tzinfo=UTC)
    assert given.expires_at == datetime(2027, 7, 1, tzinfo=UTC)


def test_a_month_is_cut_where_the_customer_lives(acme, begin):
    with service():
        Organization.objects.filter(pk=acme.pk).update(time_zone="Asia/Riyadh")
        acme.refresh_from_db()

    begin()

    (given,) = grants(acme)
    assert given.expires_at == datetime(2027, 6, 30, 21, tzinfo=UTC)


def test_the_next_month_is_granted_a_day_ahead_and_once(acme, begin, june):
    begin()
    june.move_to(END_OF_JUNE)

    recurring.sweep()
    recurring.sweep()

    june, july = grants(acme)
    assert july.effective_from == june.expires_at
    assert left(acme) == [Decimal(10), Decimal(10)]


def test_trouble_with_one_customer_leaves_the_others_their_month(acme, charlie, sam, begin, june):
    begin()
    other = organizations.found(name="Globex", owner=charlie, country="FR")
    with service():
        recurring.begin(
            other,
            unit="money",
            quantity=Decimal(20),
            first_month="2027-06",
            reason="Pilot",
            operation=uuid4(),
            by=sam,
        )
        Organization.objects.filter(pk=acme.pk).update(time_zone="Mars/Olympus")
    june.move_to(END_OF_JUNE)

    recurring.sweep()

    assert left(acme) == [Decimal(10)]
    assert left(other) == [Decimal(20), Decimal(20)]


def test_sweeps_beside_each_other_grant_a_month_once(acme, begin, june):
    begin()
    june.move_to(JULY)

    def sweep(_number):
        try:
            recurring.sweep()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sweep, range(8)))

    assert len(grants(acme)) == 2


@pytest.mark.parametrize(
    ("rollover", "kept"),
    [("0", "0"), ("3", "3"), ("7", "7"), ("8", "7")],
)
def test_so_much_of_a_month_is_kept_for_one_more(acme, begin, june, rollover, kept):
    begin(rollover=Decimal(rollover))
    use(acme, Decimal(3))
    june.move_to(JULY)

    recurring.sweep()
    recurring.sweep()
    expire(grants(acme)[0])

    assert left(acme) == [Decimal(kept), Decimal(10)]
    with scope(acme):
        expired = LedgerEntry.objects.filter(
            transaction__kind="expiry", account__kind="customer_prepaid"
        )
        assert sum(entry.amount for entry in expired) == 7 - Decimal(kept)


def test_what_was_kept_ends_with_the_month_it_was_kept_for(acme, begin, june):
    begin(rollover=Decimal(5), last_month="2027-06")
    june.move_to(AUGUST)

    recurring.sweep()
    expire(grants(acme)[0])

    assert left(acme) == [Decimal(0)]


def test_what_requests_hold_is_kept_until_they_give_it_back(acme, begin, june):
    begin(rollover=Decimal(2))
    (given,) = grants(acme)
    with service():
        CreditGrant.objects.filter(pk=given.pk).update(leased=Decimal(6))
        Lease.objects.create(process_id="p1", organization=acme, grant=given, quantity=Decimal(6))
    june.move_to(JULY)

    recurring.sweep()
    assert left(acme)[0] == Decimal(6)

    with service():
        CreditGrant.objects.filter(pk=given.pk).update(leased=0)
    recurring.sweep()
    assert left(acme)[0] == Decimal(2)


def test_it_stops_after_its_last_month(acme, begin, june):
    begin(last_month="2027-06")
    june.move_to(JULY)

    recurring.sweep()

    assert len(grants(acme)) == 1


def test_ended_it_takes_back_the_month_that_has_not_begun(acme, begin, sam, june):
    made = begin()
    june.move_to(END_OF_JUNE)
    recurring.sweep()

    with service():
        recurring.end(made, by=sam)
        recurring.end(made, by=sam)
    assert left(acme) == [Decimal(10), Decimal(0)]

    june.move_to(JULY)
    recurring.sweep()
    assert left(acme) == [Decimal(0), Decimal(0)]
    with service():
        assert AuditEntry.objects.filter(action="credit.recurring_ended").count() == 1


def test_a_month_that_is_over_is_refused_by_name(begin):
    with pytest.raises(DomainError) as refusal:
        begin(first_month="2027-05")
    assert "first_month" in refusal.value.field_errors

    with pytest.raises(DomainError) as refusal:
        begin(first_month="2027-07", last_month="2027-06")
    assert "last_month" in refusal.value.field_errors


def test_the_app_role_reads_it_and_writes_none(acme, begin):
    begin()

    with scope(acme):
        assert RecurringGrant.objects.count() == RecurringInstance.objects.count() == 1
        with pytest.raises(DatabaseError, match="permission denied"):
            RecurringGrant.objects.update(quantity=Decimal(1000))


def form(**facts):
    return {
        "unit": "money",
        "quantity": "25",
        "token_class": "",
        "first_month": periods.containing(timezone.now(), "UTC").label,
        "last_month": "",
        "rollover": "",
        "priority": "",
        "reason": "Research grant",
        "operation": str(uuid4()),
    } | facts


def test_staff_begin_it_once_see_it_and_end_it(staff_client, acme):
    posted = form(rollover="5", priority="-1")
    assert staff_client.post(PAGE + "new/", posted).status_code == 302
    assert staff_client.post(PAGE + "new/", posted).status_code == 302
    (made,) = RecurringGrant.objects.using("service").all()
    (given,) = grants(acme)
    assert (given.granted, given.priority, made.rollover) == (Decimal(25), -1, Decimal(5))
    assert b"Research grant" in staff_client.get(PAGE).content

    assert staff_client.post(f"{PAGE}{made.pk}/end/").status_code == 302
    assert "Ended" in staff_client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "0"),
        ("quantity", "NaN"),
        ("quantity", "100001"),
        ("rollover", "-1"),
        ("rollover", "1e99"),
        ("first_month", "2020-01"),
        ("first_month", "2027-13"),
        ("first_month", "soon"),
        ("first_month", "\u0662\u0660\u0662\u0667-\u0660\u0661"),
        ("last_month", "2020-01"),
        ("priority", "101"),
        ("reason", ""),
        ("operation", "x"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_granted(staff_client, acme, field, value):
    response = staff_client.post(PAGE + "new/", form(**{field: value}))

    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert grants(acme) == []


def test_another_customers_monthly_credit_is_not_found_here(staff_client, acme, charlie):
    staff_client.post(PAGE + "new/", form())
    (made,) = RecurringGrant.objects.using("service").all()
    organizations.found(name="Other", owner=charlie, country="FR")

    response = staff_client.post(f"/staff/customers/other/monthly/{made.pk}/end/")

    assert response.status_code == 404


def test_staff_take_a_gift_back_with_a_reason(staff_client, acme, give):
    gift = give("50", cost="0", kind="promotional")
    page = f"/staff/customers/acme/credit/{gift.pk}/void/"
    assert staff_client.post(page, {"reason": " "}).status_code == 422
    assert left(acme) == [Decimal(50)]

    assert staff_client.post(page, {"reason": "Given to the wrong customer"}).status_code == 302

    assert left(acme) == [Decimal(0)]
    with service():
        entry = AuditEntry.objects.get(action="credit.voided")
    assert entry.after["reason"] == "Given to the wrong customer"


@pytest.mark.parametrize("kind", ["purchased", "promotional"])
def test_paid_credit_is_not_taken_back_but_refunded(staff_client, acme, give, kind):
    # Of the second kind: what a month came to less than was settled comes back as credit.
    bought = give("50", kind=kind)

    page = f"/staff/customers/acme/credit/{bought.pk}/void/"
    assert staff_client.get(page).status_code == 404
