"""What people without an account are written to."""

from django.core import mail
from django.urls import reverse


def test_a_stranger_is_not_told_of_an_account(db, client):
    client.post(reverse("account_reset_password"), {"email": "nobody@elsewhere.example"})

    (message,) = mail.outbox
    assert "because of your account" not in message.body
    assert "because somebody entered your address" in message.body
