"""The desk's overview and tables over the staff's API: what the pages show."""

import pytest
from django.db import connections

from marketplace import demo

OVERVIEW, EXPORTS = "/api/v1/staff/overview", "/api/v1/staff/exports"


@pytest.fixture(autouse=True)
def catalogue(acme):
    demo.seed()


def test_the_overview_says_what_the_page_shows(staff_client):
    told = staff_client.get(OVERVIEW).json()

    assert (told["customers"], told["currency"], told["usage"]) == (
        1, "EUR", {"now": "0", "before": "0"},
    )  # fmt: skip
    assert told["models_on_sale"] > 0
    assert set(told["by_customer"]) == {"top", "up", "down"}
    assert all(staff_client.get(it["page"]).status_code == 200 for it in told["waiting"])


def test_days_are_chosen_and_those_without_sense_are_named(staff_client):
    chosen = staff_client.get(f"{OVERVIEW}?days=custom&first=2026-01-01&last=2026-01-31").json()
    wrong = [
        staff_client.get(f"{OVERVIEW}?{query}")
        for query in ("days=custom", "days=ever", "days=custom&first=2026-02-01&last=2026-01-01")
    ]

    assert (chosen["first"], chosen["last"]) == ("2026-01-01", "2026-01-31")
    assert {it.status_code for it in wrong} == {400}
    assert [list(it.json()["field_errors"]) for it in wrong] == [
        ["first", "last"], ["days"], ["first"],
    ]  # fmt: skip
    assert staff_client.get(f"{EXPORTS}/revenue.csv?days=ever").status_code == 400


@pytest.mark.parametrize("table", ["overview", "customers", "revenue", "orders"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_table_is_the_same_file_as_the_pages(staff_client, table, form, clock):
    by_api = staff_client.get(f"{EXPORTS}/{table}.{form}")
    by_page = staff_client.get(f"/staff/exports/{table}.{form}")

    assert by_api.status_code == 200
    assert by_api["Content-Type"] == by_page["Content-Type"]
    assert by_api["Content-Disposition"] == by_page["Content-Disposition"]
    assert len(b"".join(by_api.streaming_content)) == len(b"".join(by_page.streaming_content))


def test_the_overview_asks_no_more_than_the_page(staff_client, django_assert_max_num_queries):
    staff_client.get(OVERVIEW)

    with django_assert_max_num_queries(30, connection=connections["service"]):
        staff_client.get(OVERVIEW)


def test_others_find_none_of_it(staff_client, alice_client, client):
    for stranger in (alice_client, client):
        for path in (OVERVIEW, f"{EXPORTS}/customers.csv"):
            assert stranger.get(path).status_code == 404
    assert staff_client.get(f"{EXPORTS}/keys.csv").status_code == 404
    assert staff_client.get(f"{EXPORTS}/orders.pdf").status_code == 404
