"""The usage page, its files and the receipts: the same usage, to the last digit."""

import asyncio
import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from billing.models import CreditGrant, RatedUsage
from billing.services import credits
from common.database import service
from marketplace import demo
from marketplace.models import Price
from portal.usage import export
from tenants.models import GRANTS, Membership, Organization, Permission, Role
from tenants.scope import scope
from tenants.services import api_keys, organizations, projects
from tests.support.usage import NOON

PAGE = "/o/acme/usage/"
FILE = "/o/acme/usage.csv"


@pytest.fixture(autouse=True)
def today(clock):
    """It is noon of 15 March 2026."""


@pytest.fixture
def key(acme, alice):
    """A key of Acme."""
    with scope(acme):
        return api_keys.create(acme, name="ci", by=alice).api_key


@pytest.fixture
def in_almaty(acme):
    """Acme's days begin five hours before those of UTC."""
    with service():
        Organization.objects.update(time_zone="Asia/Almaty")


def report(client, query=""):
    return client.get(PAGE + query).context["report"]


def rows(client, query=""):
    body = client.get(FILE + query).getvalue().decode()
    return list(csv.DictReader(body.splitlines()))


def text(response):
    return response.content.decode()


@pytest.mark.parametrize("heading", ["day", "model", "project", "key", "member"])
def test_page_files_and_books_agree_to_the_last_digit(acme, alice_client, used, key, heading):
    used("0.000000000001")
    used("1.1", offer_name="atlas-large", occurred_at=NOON - timedelta(days=3))
    used("0.0000375", api_key_id=key.pk, times=3)

    shown = report(alice_client, f"?by={heading}")
    sums = rows(alice_client, f"?by={heading}&rows=sums")
    requests = rows(alice_client, f"?by={heading}")

    with scope(acme):
        rated = sum(row.amount for row in RatedUsage.objects.all())
    assert shown.cost.amount == rated == Decimal("1.100112500001")
    assert sum(Decimal(row["cost"]) for row in sums) == rated
    assert sum(Decimal(row["cost"]) for row in requests) == rated
    assert sum(int(row["input_tokens"]) for row in sums) == shown.usage.input_tokens == 500
    assert len(requests) == shown.usage.requests == 5


def test_days_are_those_of_the_billing_time_zone_and_utc_is_a_link_away(
    alice_client, used, in_almaty
):
    used(occurred_at=datetime(2026, 3, 14, 19, 30, tzinfo=UTC))

    own = alice_client.get(PAGE)
    utc = alice_client.get(PAGE + own.context["asked"].other_zone.url)

    assert "Days begin and end in Asia/Almaty" in text(own)
    assert "15 Mar 00:30:00" in text(own)
    assert [row.plain for row in own.context["report"].rows] == ["2026-03-15"]
    assert "Days begin and end in UTC" in text(utc)
    assert "14 Mar 19:30:00" in text(utc)
    assert [row.plain for row in utc.context["report"].rows] == ["2026-03-14"]


def test_a_month_begins_at_midnight_of_the_billing_time_zone(alice_client, used, in_almaty):
    used("0.1", occurred_at=datetime(2026, 2, 28, 18, 59, tzinfo=UTC))
    used("0.02", occurred_at=datetime(2026, 2, 28, 19, 0, tzinfo=UTC))

    assert report(alice_client).cost.amount == Decimal("0.02")
    assert report(alice_client, "?period=last-month").cost.amount == Decimal("0.1")
    assert [row["occurred_at"] for row in rows(alice_client)] == ["2026-03-01T00:00:00.000+05:00"]


@pytest.mark.parametrize(
    ("query", "requests"),
    [
        ("", 1),
        ("?period=last-month", 2),
        ("?period=7d", 1),
        ("?period=30d", 2),
        ("?start=2026-02-10&end=2026-03-15", 3),
        ("?start=2026-03-14&end=2026-03-14", 0),
    ],
)
def test_a_period_holds_its_days_and_no_others(alice_client, used, query, requests):
    used(occurred_at=NOON)
    used(occurred_at=datetime(2026, 2, 14, 0, 0, tzinfo=UTC))
    used(occurred_at=datetime(2026, 2, 13, 23, 59, tzinfo=UTC))

    assert report(alice_client, query).usage.requests == requests


def test_today_is_marked_as_not_over(alice_client, used):
    used()
    used(occurred_at=NOON - timedelta(days=1))

    response = alice_client.get(PAGE)

    assert [row.is_open for row in response.context["report"].rows] == [True, False]
    assert "Today is not over" in text(response)
    assert "As of 12:00:00 in UTC" in text(response)


def test_the_chart_has_a_row_for_every_day_and_sums_up_to_the_total(alice_client, used):
    used(parts={"input": 5, "output": 2})
    used(parts={"cached_input": 1}, occurred_at=NOON - timedelta(days=9))

    chart = report(alice_client, "?by=day").chart

    assert [row["label"] for row in chart["rows"]][::14] == ["1 Mar", "Today"]
    assert [(series["name"], series["hue"]) for series in chart["series"]] == [
        ("Input", 1),
        ("Cached input", 2),
        ("Output", 3),
    ]
    assert chart["totals"] == ["5", "1", "2"]
    assert [cell["value"] for cell in chart["rows"][14]["cells"]] == ["5", "0", "2"]


def test_the_smallest_of_many_series_are_drawn_as_one(alice_client, used):
    for number in range(9):
        used(f"0.{9 - number}", offer_name=f"model-{number}")

    chart = report(alice_client, "?by=model&show=cost").chart

    assert [series["name"] for series in chart["series"]][-2:] == ["model-5", "Others"]
    assert chart["totals"][-1].startswith("0.60")


def test_a_row_leads_to_what_it_is_made_of(alice_client, used, key):
    used("0.5", api_key_id=key.pk)
    used("0.25")

    found = {row.label: row.url for row in report(alice_client, "?by=key&zone=utc").rows}
    narrowed = alice_client.get(PAGE + found["ci"])

    assert found["Without a key"] == ""
    assert narrowed.context["report"].cost.amount == Decimal("0.5")
    assert narrowed.context["asked"].cleaned_data["zone"] == "utc"


BAD = [
    ("period=eternity", "eternity is not one of the available choices"),
    ("by=moon", "“moon” is nothing that this page can show"),
    ("show=feelings", "“feelings” is nothing"),
    ("zone=mars", "“mars” is nothing"),
    ("rows=all", "“all” is nothing"),
    ("key=7", "7 is not one of the available choices"),
    ("key=00000000-0000-0000-0000-000000000000", "is not one of the available choices"),
    ("model=" + "x" * 101, "at most 100 characters"),
    ("model=a%00b", "Null characters are not allowed"),
    ("before=req_none", "there is no such request"),
    ("before=%00", "Null characters are not allowed"),
    ("period=custom", "Choose a day"),
    ("start=2026-03-01", "Choose a day"),
    ("start=2026-02-31&end=2026-03-01", "Enter a valid date"),
    ("start=2026-03-02&end=2026-03-01", "This day is before the first one"),
    ("start=2026-03-16&end=2026-03-16", "Choose a day from 1 January 2020 to today"),
    ("start=0001-01-01&end=0001-01-02", "Choose a day from 1 January 2020 to today"),
    ("start=2025-03-01&end=2026-03-15", "A period is a year at most"),
    ("start=2026-03-01&end=9999-12-31", "A period is a year at most"),
]


@pytest.mark.parametrize(("query", "sentence"), BAD)
@pytest.mark.parametrize("address", [PAGE, FILE])
def test_a_bad_filter_is_named_and_nothing_is_shown(acme, alice_client, address, query, sentence):
    response = alice_client.get(f"{address}?{query}")

    assert response.status_code == 422
    assert sentence in text(response)
    assert "report" not in response.context


def test_what_a_spreadsheet_would_run_is_neutralised(acme, alice, alice_client, used):
    with scope(acme):
        key = api_keys.create(acme, name="=HYPERLINK(1)", by=alice).api_key
    used(api_key_id=key.pk, offer_name="@model", region="+1", event_id="-2+3")

    (row,) = rows(alice_client)

    cells = (row["key"], row["model"], row["region"], row["request_id"])
    assert cells == ("'=HYPERLINK(1)", "'@model", "'+1", "'-2+3")


def test_usage_is_told_by_project_and_by_member_and_narrowed_to_them(
    acme, alice, alice_client, used, key
):
    with scope(acme):
        lab = projects.create(acme, name="Lab", by=alice)
    used("0.5", project_id=lab.pk, api_key_id=key.pk)
    used("0.25", times=2)

    by_project = report(alice_client, "?by=project").rows
    by_member = report(alice_client, "?by=member").rows
    urls = {row.label: row.url for row in [*by_project, *by_member]}

    assert [(row.label, row.cost.amount) for row in by_project] == [
        ("Default", Decimal("0.5")),
        ("Lab", Decimal("0.5")),
    ]
    assert [row.label for row in by_member] == ["Without a key", "alice@acme.example"]
    assert report(alice_client, urls["Lab"]).usage.requests == 1
    assert report(alice_client, urls["alice@acme.example"]).usage.requests == 1
    assert report(alice_client, urls["Default"]).usage.requests == 2


def test_a_long_file_comes_in_pieces_and_holds_each_request_once(alice_client, used, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    used(times=5)

    response = alice_client.get(FILE)
    pieces = [piece.decode() for piece in response]

    assert len(pieces) > 3
    found = [line.split(",")[1] for line in "".join(pieces).splitlines()[1:]]
    assert len(found) == len(set(found)) == 5
    assert response["Content-Disposition"] == (
        'attachment; filename="usage_acme_2026-03-01_2026-03-15_requests.csv"'
    )


async def test_an_event_loop_gets_the_file_in_pieces_too(alice, used):
    await asyncio.to_thread(used, times=3)
    client = AsyncClient()
    await client.aforce_login(alice)

    response = await client.get(FILE)

    body = "".join([piece.decode() async for piece in response])
    assert len(body.splitlines()) == 4


def test_the_list_goes_on_where_the_page_ended(alice_client, used):
    used(times=26)
    oldest = used(occurred_at=NOON - timedelta(hours=1))

    first = alice_client.get(PAGE)
    second = alice_client.get(PAGE + first.context["report"].older_url)

    seen = [line.event.event_id for line in first.context["report"].requests]
    rest = [line.event.event_id for line in second.context["report"].requests]
    assert (len(seen), len(rest), rest[-1]) == (25, 2, oldest)
    assert not set(seen) & set(rest)
    assert 'hx-trigger="every 3s"' in text(first)
    assert 'hx-trigger="every 3s"' not in text(second)


def test_an_open_page_hears_of_a_request_and_of_nothing_else(alice_client, used):
    used()
    asks = report(alice_client).news_url

    quiet = alice_client.get(PAGE + asks, headers={"HX-Request": "true"})
    made = used("0.0123")
    told = alice_client.get(PAGE + asks, headers={"HX-Request": "true"})

    assert quiet["HX-Retarget"] == "#usage-stamp"
    assert "request-table" not in text(quiet)
    assert "HX-Retarget" not in told
    assert made in text(told)
    assert "0.0123" in text(told)
    assert "<html" not in text(told)
    assert "HX-Request" in told["Vary"]


def test_an_organization_without_usage_is_shown_the_way(alice_client, acme):
    response = alice_client.get(PAGE)

    assert "No requests yet" in text(response)
    assert "/o/acme/onboarding/" in text(response)


def test_filters_that_nothing_fits_say_so(alice_client, used):
    used()

    assert "No request fits all of these filters" in text(alice_client.get(PAGE + "?model=x"))


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_usage_and_a_file_of_it(acme, bob, bob_client, used, role):
    used()
    with service():
        Membership.objects.filter(user=bob).update(role=role)

    assert bob_client.get(PAGE).status_code == 200
    assert len(rows(bob_client)) == 1


@pytest.mark.parametrize("name", ["usage", "usage_csv", "usage_request"])
def test_a_role_without_the_permission_is_refused(acme, bob_client, used, monkeypatch, name):
    request_id = used()
    monkeypatch.setitem(GRANTS, Role.DEVELOPER, frozenset({Permission.DASHBOARD_READ}))
    pages = {"usage": PAGE, "usage_csv": FILE, "usage_request": f"{PAGE}{request_id}/"}

    assert bob_client.get(pages[name]).status_code == 403


def test_the_page_asks_no_more_for_more_requests(acme, alice_client, used, key):
    used(api_key_id=key.pk)
    alice_client.get(PAGE)
    with CaptureQueriesContext(connections["default"]) as few:
        alice_client.get(PAGE)
    used(times=60, api_key_id=key.pk)
    with CaptureQueriesContext(connections["default"]) as many:
        alice_client.get(PAGE)

    assert len(many) == len(few) <= 20


@pytest.fixture
def priced(db):
    """The prices of a reasoning model, by part."""
    demo.seed()
    return {
        price.token_part: price
        for price in Price.objects.standard().filter(offer__name="atlas-reason")
    }


@pytest.fixture
def bought(acme, used, priced):
    """A request of which a gift pays one cent, and nothing pays the rest."""
    with service():
        credits.grant(
            acme,
            unit=CreditGrant.Unit.MONEY,
            kind=CreditGrant.Kind.PROMOTIONAL,
            quantity=Decimal("0.01"),
            source_key="gift",
        )
    parts = {"input": 1_000, "output": 2_000}
    return used(
        "0.018",
        parts=parts,
        price_ids={part: priced[part].pk for part in parts},
        amounts={part: priced[part].per_token * count for part, count in parts.items()},
        policy={"jurisdiction": "EU", "allowed_jurisdictions": ["EU", "KZ"], "estimated": True},
    )


def test_a_receipt_is_tokens_times_prices_and_who_paid(alice_client, bought):
    response = alice_client.get(f"{PAGE}{bought}/")

    receipt = response.context["receipt"]
    assert [(part.name, part.tokens, part.unit_amount) for part in receipt.parts] == [
        ("Input", 1_000, Decimal("0.000002")),
        ("Output", 2_000, Decimal("0.000008")),
    ]
    assert all(part.amount.amount == part.tokens * part.unit_amount for part in receipt.parts)
    assert sum(part.amount.amount for part in receipt.parts) == receipt.line.cost.amount
    paid = [(payment.name, payment.amount.amount) for payment in receipt.payments]
    assert paid == [("Promotional credit", Decimal("0.01"))]
    assert receipt.owed.amount == Decimal("0.008")


def test_a_receipt_says_where_it_was_computed_and_under_which_policy(alice_client, bought):
    page = text(alice_client.get(f"{PAGE}{bought}/"))

    assert "Paris" in page
    assert "Only in EU and KZ" in page
    assert "did not say how many tokens" in page
    assert "15 March 2026 12:00:00" in page


def test_who_paid_is_for_those_who_read_billing(bob_client, bought):
    page = text(bob_client.get(f"{PAGE}{bought}/"))

    assert "0.018" in page
    assert "Promotional credit" not in page


@pytest.mark.parametrize("request_id", ["req_none", "a%00b", "a/b", "x" * 300])
def test_a_request_that_is_none_has_no_receipt(acme, alice_client, used, request_id):
    used()

    assert alice_client.get(f"{PAGE}{request_id}/").status_code == 404


def test_another_organizations_request_has_no_receipt(alice_client, charlie, used):
    theirs = organizations.found(name="Theirs", owner=charlie, country="FR")
    request_id = used(organization=theirs)

    assert alice_client.get(f"{PAGE}{request_id}/").status_code == 404
    assert report(alice_client).usage.requests == 0
    assert rows(alice_client) == []
