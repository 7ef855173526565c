"""Customers through the official client."""

import pytest
from stripe import InvalidRequestError


def test_a_customer_is_kept_as_written(stripe):
    made = stripe.customers.create(
        {
            "email": "ann@acme.example",
            "name": "Ann",
            "address": {"country": "FR", "city": "Lyon"},
            "metadata": {"organization": "acme"},
        }
    )

    found = stripe.customers.retrieve(made.id)

    assert found.id.startswith("cus_")
    assert (found.email, found.name, found.livemode) == ("ann@acme.example", "Ann", False)
    assert found.address.to_dict() == {
        "city": "Lyon",
        "country": "FR",
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    }
    assert found.metadata.to_dict() == {"organization": "acme"}


def test_an_update_changes_only_what_is_sent(stripe, loopback):
    made = stripe.customers.create({"name": "Ann", "metadata": {"a": "1", "b": "2"}})

    stripe.customers.update(made.id, {"email": "ann@acme.example", "metadata": {"a": "", "c": "3"}})

    found = stripe.customers.retrieve(made.id)
    assert (found.name, found.email) == ("Ann", "ann@acme.example")
    assert found.metadata.to_dict() == {"b": "2", "c": "3"}
    event = stripe.events.list({"type": "customer.updated"}).data[0]
    assert event.data.previous_attributes["email"] is None


def test_customers_are_listed_newest_first_by_pages(stripe):
    made = [stripe.customers.create({"name": f"Customer {n}"}).id for n in range(5)]

    first = stripe.customers.list({"limit": 2})
    second = stripe.customers.list({"limit": 2, "starting_after": first.data[-1].id})
    before = stripe.customers.list({"limit": 2, "ending_before": second.data[0].id})

    assert [c.id for c in first.data] == [made[4], made[3]]
    assert [c.id for c in second.data] == [made[2], made[1]]
    assert [c.id for c in before.data] == [made[4], made[3]]
    assert (first.has_more, before.has_more) == (True, False)
    assert [c.id for c in stripe.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]


def test_customers_are_found_by_address(stripe):
    stripe.customers.create({"email": "ann@acme.example"})
    bob = stripe.customers.create({"email": "bob@acme.example"})

    assert [c.id for c in stripe.customers.list({"email": "bob@acme.example"}).data] == [bob.id]


def test_a_deleted_customer_answers_as_deleted_and_cannot_buy(stripe, loopback):
    made = stripe.customers.create({"name": "Ann"})

    assert stripe.customers.delete(made.id).deleted is True

    assert stripe.customers.retrieve(made.id).deleted is True
    with pytest.raises(InvalidRequestError, match="No such customer"):
        loopback.session(customer=made.id)
    assert stripe.customers.list().data == []


def test_an_unknown_customer_is_404(stripe):
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.customers.retrieve("cus_nobody")

    assert refusal.value.http_status == 404
    assert (refusal.value.code, refusal.value.param) == ("resource_missing", "id")
    assert refusal.value.user_message == "No such customer: 'cus_nobody'"
    assert refusal.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"metadata": {"k" * 41: "v"}}, "metadata", None),
        ({"metadata": {"k": "v" * 501}}, "metadata", None),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", None),
        ({"metadata": "none"}, "metadata", None),
        ({"address": {"planet": "Mars"}}, "address[planet]", "parameter_unknown"),
        ({"name": "n" * 5001}, "name", None),
        ({"tax_exempt": "maybe"}, "tax_exempt", None),
        ({"payment_method": "pm_nothing"}, "payment_method", "resource_missing"),
    ],
)
def test_bad_input_names_the_parameter_and_keeps_nothing(stripe, params, param, code):
    with pytest.raises(InvalidRequestError) as refusal:
        stripe.customers.create(params)

    assert refusal.value.http_status == 400
    assert (refusal.value.param, refusal.value.code) == (param, code)
    assert stripe.customers.list().data == []
    assert stripe.events.list().data == []
