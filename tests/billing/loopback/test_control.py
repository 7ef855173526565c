"""The control API guards itself."""

import json

import pytest


def test_the_control_api_needs_the_key(loopback):
    assert loopback.request("POST", "/_test/reset", "{}").status == 401


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("webhooks", "no json", "must be JSON"),
        ("webhooks", "[]", "must be a JSON object"),
        ("webhooks", '{"mode": "sideways"}', "mode must be one of"),
        ("webhooks", '{"copies": 0}', "copies must be a number"),
        ("webhooks", '{"delay_seconds": true}', "delay_seconds must be a number"),
        ("webhooks", '{"speed": 1}', "Unknown argument: speed"),
        ("webhooks/resend", '{"event": "evt_x"}', "No such event"),
        ("webhooks/resend", '{"event": 7}', "must be a string"),
        ("webhooks/release", '{"events": "all"}', "must be a list"),
        ("faults", '{"kind": "fire"}', "kind must be one of"),
        ("events", "{}", "type is needed"),
        ("disputes", '{"charge": "ch_x"}', "No such charge"),
        ("checkout/sessions/cs_x/pay", "{}", "No such checkout session"),
        ("payment_intents/pi_x/authenticate", "{}", "does not wait"),
    ],
)
def test_bad_control_requests_are_clear_refusals(loopback, path, body, sentence):
    response = loopback.api("POST", f"/_test/{path}", body)

    assert response.status in {400, 404}
    assert sentence in json.loads(response.text)["error"]["message"]


def test_reset_forgets_everything_but_the_command_line(loopback):
    loopback.client.v1.customers.create({})

    loopback.control("reset")

    assert loopback.control("state", "GET")["objects"] == {"webhook_endpoint": 1}
    assert loopback.deliveries() == []
    assert loopback.control("webhooks", "GET")["mode"] == "normal"


def test_a_session_can_run_out_of_time_on_command(loopback, shop):
    session = loopback.session()

    loopback.control(f"checkout/sessions/{session.id}/expire")

    [event] = shop.wait_for(1, "checkout.session.expired")
    assert event["data"]["object"]["id"] == session.id
