"""The audit log of everybody, and a customer's limits, over the staff's API."""

import pytest
from django.db import connections

from common.database import service
from tenants.models import AuditEntry, Organization
from tenants.services import organizations

AUDIT = "/api/v1/staff/audit"
LIMITS = "/api/v1/staff/customers/acme/limits"
JSON = "application/json"
NONE = dict.fromkeys(
    (
        "rpm_limit", "tpm_limit", "concurrency_limit",
        "restricted_rpm", "restricted_tpm", "restricted_concurrency",
    )
)  # fmt: skip


def acts(client, query=""):
    return [it["action"] for it in client.get(f"{AUDIT}?{query}").json()["results"]]


def test_it_lists_what_staff_did_and_on_demand_everybody(staff_client, acme):
    staff_client.patch(LIMITS, {"rpm_limit": 60}, JSON)

    (entry,) = staff_client.get(AUDIT).json()["results"]

    assert (entry["organization"], entry["actor_label"]) == ("acme", "sam@operator.example")
    assert (entry["before"], entry["after"]) == ({"rpm_limit": None}, {"rpm_limit": 60})
    assert acts(staff_client, "who=everybody") == ["organization.changed", "organization.founded"]


def test_what_the_operator_did_for_itself_is_nobodys(staff_client, db):
    with service():
        AuditEntry.objects.create(
            actor_kind="system", actor_label="tessera", action="region.added", target_kind="x",
            target_id="1", target_label="fr-1",
        )  # fmt: skip

    (entry,) = staff_client.get(AUDIT).json()["results"]

    assert (entry["organization"], entry["action"]) == (None, "region.added")


def test_it_is_searched_narrowed_and_paged_as_the_page(
    staff_client, acme, alice, django_assert_max_num_queries
):
    for number in range(3):
        organizations.found(name=f"Number {number}", owner=alice, country="FR")
    staff_client.patch(LIMITS, {"rpm_limit": 60}, JSON)
    query = "who=everybody&q=action:organization.founded"

    first = staff_client.get(f"{AUDIT}?{query}&limit=3").json()
    with django_assert_max_num_queries(6, connection=connections["service"]):
        rest = staff_client.get(first["next"]).json()
    shown = staff_client.get(f"/staff/audit/?{query}").context["rows"]

    told = [it["id"] for it in [*first["results"], *rest["results"]]]
    assert told == [str(row.entry.pk) for row in shown]
    assert (len(told), rest["next"]) == (4, None)
    assert acts(staff_client, "customer=number-1") == []
    assert acts(staff_client, "customer=number-1&who=everybody") == ["organization.founded"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=created:never", "q"),
        ("q=a%00", "q"),
        (f"q={'x' * 201}", "q"),
        ("q=colour:red", "q"),
        ("who=nobody", "who"),
        ("customer=nobody", "customer"),
        ("customer=a%00", "customer"),
        ("before=zero", "before"),
    ],
)
def test_a_search_without_sense_is_refused_by_its_name(staff_client, db, query, field):
    refused = staff_client.get(f"{AUDIT}?{query}")

    assert refused.status_code == 400
    assert list(refused.json()["field_errors"]) == [field]


def test_limits_are_set_and_what_is_left_out_stays(staff_client, acme):
    first = staff_client.patch(LIMITS, {"rpm_limit": 60, "restricted_rpm": 10}, JSON).json()
    then = staff_client.patch(LIMITS, {"restricted_rpm": None, "tpm_limit": 5}, JSON).json()

    assert first.items() >= (NONE | {"rpm_limit": 60, "restricted_rpm": 10}).items()
    assert then.items() >= (NONE | {"rpm_limit": 60, "tpm_limit": 5}).items()
    assert staff_client.get(LIMITS).json() == then
    assert acts(staff_client) == ["organization.changed"] * 2


def test_the_same_limits_write_nothing(staff_client, acme):
    for _ in "12":
        staff_client.patch(LIMITS, {"rpm_limit": 60}, JSON)

    assert acts(staff_client) == ["organization.changed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rpm_limit": 0}, "rpm_limit"),
        ({"restricted_tpm": 2**31}, "restricted_tpm"),
        ({"restricted_concurrency": "many"}, "restricted_concurrency"),
        ({"first_rpm": 5}, "first_rpm"),
        ({"status": "suspended"}, "status"),
    ],
)
def test_a_limit_that_is_none_is_named_and_nothing_is_set(staff_client, acme, change, field):
    refused = staff_client.patch(LIMITS, {"tpm_limit": 7, **change}, JSON)

    assert refused.status_code == 400
    assert list(refused.json()["field_errors"]) == [field]
    with service():
        assert Organization.objects.get(pk=acme.pk).tpm_limit is None


def test_to_others_neither_exists(staff_client, alice_client, client, acme):
    for stranger in (alice_client, client):
        assert stranger.get(AUDIT).status_code == 404
        assert stranger.get(LIMITS).status_code == 404
        assert stranger.patch(LIMITS, {"restricted_rpm": 5}, JSON).status_code == 404
    nobody = LIMITS.replace("acme", "nobody")
    assert staff_client.patch(nobody, {"rpm_limit": 5}, JSON).status_code == 404
    with service():
        assert Organization.objects.get(pk=acme.pk).restricted_rpm is None
