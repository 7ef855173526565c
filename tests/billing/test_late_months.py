"""Months with late usage at the desk: what came, and what a person decides of it."""

from datetime import timedelta

import pytest

from billing import periods
from billing.models import Contract, LateMonth
from billing.services import invoicing, late_usage
from common.database import service
from common.errors import Forbidden

JANUARY, FEBRUARY, MARCH = (periods.month(2026, number, "UTC") for number in (1, 2, 3))
INSIDE = timedelta(days=9)
DESK = "/staff/corrections/"


@pytest.fixture
async def late(acme, price, use):
    """Acme's January, used after the contract's window: its February is invoiced."""
    one = price("0.01")
    with service():
        Contract.objects.create(
            organization=acme,
            number="C-1",
            starts_on=JANUARY.start.date(),
            status="active",
            effective_from=JANUARY.start,
            signed_at=JANUARY.start,
            late_days=1,
        )
    await use(one, 1234, JANUARY.start + INSIDE)
    await use(one, 100, FEBRUARY.start + INSIDE)
    await use(one, 100, MARCH.start + INSIDE)
    invoicing.finalize(acme, FEBRUARY)
    with service():
        return LateMonth.objects.get()


def page_of(late):
    return f"/staff/late-months/{late.pk}/"


async def test_the_desk_names_a_month_and_shows_what_came(late, staff_client):
    assert page_of(late) in staff_client.get(DESK).content.decode()
    assert "Months with late usage: 1" in staff_client.get("/staff/").content.decode()

    page = staff_client.get(page_of(late)).content.decode()

    assert "1\u202f234" in page
    assert "12.34" in page


@pytest.mark.parametrize(("button", "net"), [("accept", "13.34"), ("leave", "1.00")])
async def test_staff_have_it_invoiced_or_leave_it(acme, late, staff_client, button, net):
    assert staff_client.post(page_of(late), {button: ""}).status_code == 302

    assert f"{invoicing.finalize(acme, MARCH).net:.2f}" == net
    assert page_of(late) not in staff_client.get(DESK).content.decode()


async def test_who_belongs_to_the_customer_decides_nothing(late, alice):
    with service(), pytest.raises(Forbidden):
        late_usage.decide(late, accept=False, by=alice)


async def test_customers_find_no_such_page(late, alice_client):
    assert alice_client.post(page_of(late), {"leave": ""}).status_code == 404
