"""Billing's pages."""

import pytest


@pytest.mark.parametrize("page", ["", "bundles/", "invoices/", "settings/"])
def test_a_member_sees_billing_and_a_stranger_does_not(alice_client, charlie_client, acme, page):
    address = f"/o/{acme.slug}/billing/{page}"

    assert alice_client.get(address).status_code == 200
    assert charlie_client.get(address).status_code == 404


def test_a_delivery_without_a_signature_is_refused(client, db):
    reply = client.post("/webhooks/stripe/", b"{}", content_type="application/json")

    assert reply.status_code == 400
    assert reply.json()["code"] == "untrusted_delivery"
