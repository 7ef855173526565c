"""The desk shows where meters contradict themselves."""

import pytest

from tests.support.meters import catalogue, event, meter_key, moment, report

__all__ = ["catalogue", "meter_key", "report"]
PAGE = "/staff/meters/"


def text(response):
    return " ".join(response.content.decode().split())


@pytest.fixture
def contradicted(report):
    """An event told twice, with other tokens the second time."""
    first = event("r<1>", time=moment(minutes=3))
    report(first)
    report(first | {"data": first["data"] | {"tokens": {"input": 7, "output": 100}}})


def test_a_contradiction_shows_both_sides(acme, contradicted, staff_client):
    page = text(staff_client.get(PAGE))

    assert "r&lt;1&gt;" in page
    assert "/litellm/one" in page
    assert "Input: <bdi>1000</bdi> → <bdi>7</bdi>" in page
    # What they agree on is not said.
    assert "Output:" not in page
    assert "Model:" not in page


def test_without_contradictions_the_page_says_so(staff_client):
    assert "No contradictions" in text(staff_client.get(PAGE))


def test_older_ones_are_a_page_further(acme, report, staff_client, monkeypatch):
    monkeypatch.setattr("portal.conflicts.PAGE", 1)
    for name in ("ev-1", "ev-2"):
        report(event(name, time=moment(minutes=2)))
        report(event(name, time=moment(minutes=1)))

    newest = staff_client.get(PAGE)
    older = staff_client.get(f"{PAGE}?before={newest.context['leaf'].older}")

    assert ("ev-2" in text(newest), "ev-1" in text(newest)) == (True, False)
    assert ("ev-2" in text(older), "ev-1" in text(older)) == (False, True)
    assert staff_client.get(f"{PAGE}?before=nonsense").status_code == 200


def test_customers_do_not_see_it(acme, contradicted, alice_client):
    assert alice_client.get(PAGE).status_code == 404
