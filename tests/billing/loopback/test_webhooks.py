"""Webhooks: signed like Stripe's, at least once, in any order one asks for."""

import time

import pytest
import stripe as library

from tests.billing.loopback.driver import SECRET, wait_until


def bodies(shop):
    return [(body, headers["Stripe-Signature"]) for _, body, headers, _ in shop.received]


def test_an_event_arrives_signed_as_the_official_library_expects(loopback, shop):
    customer = loopback.client.v1.customers.create(
        {"email": "ann@acme.example"}, {"idempotency_key": "sign-up"}
    )

    shop.wait_for(1)

    [(body, signature)] = bodies(shop)
    event = library.Webhook.construct_event(body, signature, SECRET)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    assert event.api_version == library.api_version
    assert event.request.idempotency_key == "sign-up"
    assert event.request.id == customer.last_response.request_id


def test_a_paid_session_is_told(loopback, shop):
    session = loopback.session(metadata={"organization": "acme"})
    loopback.control(f"checkout/sessions/{session.id}/pay")

    [event] = shop.wait_for(1, "checkout.session.completed")

    assert event["data"]["object"]["payment_status"] == "paid"
    assert event["data"]["object"]["metadata"] == {"organization": "acme"}
    assert not [key for key in event["data"]["object"] if key.startswith("_")]
    assert event["livemode"] is False


def test_a_refused_delivery_is_tried_again_until_it_is_taken(loopback, shop):
    shop.statuses = [500, 302, 404, 200]

    loopback.client.v1.customers.create({})
    events = shop.wait_for(4)

    assert len({event["id"] for event in events}) == 1
    wait_until(lambda: loopback.deliveries(state="delivered"))
    [delivery] = loopback.deliveries()
    assert (delivery["attempts"], delivery["last_status"]) == (4, 200)


def test_an_accepted_delivery_is_not_repeated(loopback, shop):
    loopback.client.v1.customers.create({})
    shop.wait_for(1)

    time.sleep(0.5)

    assert len(shop.received) == 1


def test_an_outage_drops_events_which_the_list_still_knows(loopback, shop):
    loopback.control("webhooks", mode="drop")
    lost = loopback.client.v1.customers.create({})
    loopback.control("webhooks", mode="normal")
    loopback.client.v1.customers.create({})

    def missed():
        events = loopback.client.v1.events.list({"delivery_success": False}).data
        return [event.data.object.id for event in events]

    shop.wait_for(1)
    # The shop has the second event a moment before its delivery is noted.
    wait_until(lambda: missed() == [lost.id])
    assert lost.id not in [event["data"]["object"]["id"] for event in shop.events()]


@pytest.mark.parametrize(("order", "step"), [("oldest_first", 1), ("newest_first", -1)])
def test_held_events_come_in_the_order_asked_for(loopback, shop, order, step):
    loopback.control("webhooks", mode="hold")
    made = [loopback.client.v1.customers.create({}).id for _ in range(3)]
    assert len(loopback.deliveries(state="held")) == 3

    loopback.control("webhooks/release", order=order)

    events = shop.wait_for(3)
    assert [event["data"]["object"]["id"] for event in events] == made[::step]


def test_shuffling_is_repeatable(loopback, shop):
    loopback.control("webhooks", mode="hold")
    for _ in range(6):
        loopback.client.v1.customers.create({})

    released = loopback.control("webhooks/release", order="shuffled", seed=3)["released"]

    held = [delivery["event"] for delivery in loopback.deliveries()]
    assert sorted(released) == sorted(held)
    assert released != held
    arrived = [event["id"] for event in shop.wait_for(6)]
    assert arrived == released, loopback.deliveries()


def test_one_held_event_can_be_released_alone(loopback, shop):
    loopback.control("webhooks", mode="hold")
    for _ in range(2):
        loopback.client.v1.customers.create({})
    wanted = loopback.deliveries()[1]["event"]

    loopback.control("webhooks/release", events=[wanted])

    assert [event["id"] for event in shop.wait_for(1)] == [wanted]
    assert len(loopback.deliveries(state="held")) == 1


def test_every_event_can_come_several_times(loopback, shop):
    loopback.control("webhooks", copies=3)

    loopback.client.v1.customers.create({})

    assert len({event["id"] for event in shop.wait_for(3)}) == 1


def test_copies_can_arrive_at_the_same_moment(loopback, shop):
    loopback.client.v1.customers.create({})
    [event] = shop.wait_for(1)
    shop.pause = 0.3

    loopback.control("webhooks/resend", event=event["id"], copies=5, together=True)

    shop.wait_for(6)
    assert shop.most_together == 5


def test_an_event_can_be_late(loopback, shop):
    loopback.control("webhooks", delay_seconds=0.7)
    begin = time.monotonic()

    loopback.client.v1.customers.create({})
    shop.wait_for(1)

    assert time.monotonic() - begin >= 0.7


def test_waiting_deliveries_can_be_sent_now(loopback, shop):
    loopback.control("webhooks", delay_seconds=600)
    loopback.client.v1.customers.create({})

    loopback.control("webhooks/flush")

    shop.wait_for(1)


@pytest.mark.parametrize(
    ("forgery", "problem"),
    [({"secret": "whsec_forged"}, "No signatures found"), ({"age_seconds": 600}, "Timestamp")],
)
def test_a_forged_or_stale_signature_can_be_sent(loopback, shop, forgery, problem):
    loopback.client.v1.customers.create({})
    [event] = shop.wait_for(1)
    shop.received.clear()

    loopback.control("webhooks/resend", event=event["id"], **forgery)

    shop.wait_for(1)
    [(body, signature)] = bodies(shop)
    with pytest.raises(library.SignatureVerificationError, match=problem):
        library.Webhook.construct_event(body, signature, SECRET)


def test_an_event_of_an_unknown_type_can_be_sent(loopback, shop):
    loopback.control("events", type="gift_card.melted", object={"object": "gift_card", "id": "g"})

    [event] = shop.wait_for(1, "gift_card.melted")

    assert event["data"]["object"] == {"object": "gift_card", "id": "g"}
    assert loopback.client.v1.events.retrieve(event["id"]).type == "gift_card.melted"


def test_a_registered_endpoint_gets_what_it_asked_for(loopback, shop):
    endpoints = loopback.client.v1.webhook_endpoints
    loopback.control("webhooks", mode="hold")
    made = endpoints.create({"url": shop.url, "enabled_events": ["product.created"]})

    loopback.client.v1.customers.create({})
    loopback.client.v1.products.create({"name": "Bundle"})

    queued = [d["type"] for d in loopback.deliveries() if d["endpoint"] == made.id]
    assert queued == ["product.created"]
    assert made.secret.startswith("whsec_")
    assert "secret" not in endpoints.retrieve(made.id).to_dict()
    endpoints.delete(made.id)
    assert [d["type"] for d in loopback.deliveries() if d["endpoint"] == made.id] == []


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://10.0.0.1/", "http://localhost.example.com/", "x"]
)
def test_nothing_is_ever_sent_to_another_machine(loopback, url):
    with pytest.raises(library.InvalidRequestError) as refusal:
        loopback.client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})

    assert refusal.value.code == "url_invalid"


def test_events_are_listed_by_type_and_by_pages(loopback):
    loopback.client.v1.customers.create({})
    loopback.paid_intent()
    events = loopback.client.v1.events

    assert loopback.event_types(type="customer.created") == ["customer.created"]
    assert loopback.event_types(type="charge.*") == ["charge.succeeded", "charge.updated"]
    types = ["charge.succeeded", "customer.created"]
    assert loopback.event_types(types=types) == ["customer.created", "charge.succeeded"]
    every = [event.id for event in events.list({"limit": 2}).auto_paging_iter()]
    assert every == [event.id for event in events.list({"limit": 100}).data]
    assert len(every) == 5
