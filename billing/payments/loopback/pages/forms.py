"""What a payer types, checked field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from billing.payments.loopback import cards, clock, forms
from billing.payments.loopback.store import Object

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
EXPIRY = re.compile(r"(0?[1-9]|1[0-2])\s*/\s*([0-9]{2}|20[0-9]{2})", re.ASCII)
CVC = re.compile(r"[0-9]{3,4}", re.ASCII)
MAX_TEXT = 200


@dataclass
class PaymentForm:
    """The payment form's text as typed, and what is wrong with it."""

    method: str
    typed: dict[str, str]
    asks_email: bool
    errors: dict[str, str] = field(default_factory=dict)

    def check(self) -> bool:
        """Tell whether the form can be sent to the bank, and note every mistake."""
        if self.asks_email and not EMAIL.fullmatch(self.typed["email"]):
            self.errors["email"] = "Enter an e-mail address, like name@example.com."
        if self.method == "card":
            self._check_card()
        else:
            self._check_account()
        return not self.errors

    @property
    def number(self) -> str:
        """Return the card number or IBAN without blanks."""
        return cards.digits(self.typed["card_number" if self.method == "card" else "iban"])

    @property
    def holder(self) -> str:
        """Return the name on the card or of the account."""
        return self.typed["name" if self.method == "card" else "holder"].strip()

    @property
    def expiry(self) -> tuple[int, int]:
        """Return month and year of a checked form."""
        month, year = EXPIRY.fullmatch(self.typed["expiry"].strip()).groups()  # type: ignore[union-attr]
        return int(month), int(year) % 100 + 2000

    def _check_card(self) -> None:
        if not cards.is_card_number(self.number):
            self.errors["card_number"] = "This is not a card number."
        if not EXPIRY.fullmatch(self.typed["expiry"].strip()):
            self.errors["expiry"] = "Enter the expiry as month and year, like 12/34."
        elif self.expiry[::-1] < clock.month():
            self.errors["expiry"] = "The card has expired."
        if not CVC.fullmatch(self.typed["cvc"].strip()):
            self.errors["cvc"] = "The security code has 3 or 4 digits."
        if not self.holder:
            self.errors["name"] = "Enter the name on the card."

    def _check_account(self) -> None:
        if self.number not in cards.ACCOUNTS:
            self.errors["iban"] = "Use one of the test accounts listed below."
        if not self.holder:
            self.errors["holder"] = "Enter the name of the account holder."


def prefilled(session: Object, customer: Object | None) -> PaymentForm:
    """Return the form as a payer first sees it: ready to be sent with a test card."""
    known = (customer or {}).get("email") or session["customer_email"]
    # A payer whom the bank sent back finds what was typed before.
    before = session.get("_payer") or {}
    name = before.get("name") or (customer or {}).get("name") or "Test Payer"
    typed = {
        "email": known or before.get("email") or "",
        "card_number": "4242 4242 4242 4242",
        "expiry": "12/34",
        "cvc": "123",
        "name": name,
        "iban": "DE89 3704 0044 0532 0130 00",
        "holder": name,
    }
    return PaymentForm(session["payment_method_types"][0], typed, asks_email=not known)


def submitted(body: str, session: Object, customer: Object | None) -> PaymentForm:
    """Return the form as sent; a field that is missing counts as empty."""
    sent = forms.decode(body)
    first = prefilled(session, customer)
    typed = {name: _text(sent, name) for name in first.typed}
    if not first.asks_email:
        typed["email"] = first.typed["email"]
    method = _text(sent, "method")
    if method not in session["payment_method_types"]:
        method = first.method
    return PaymentForm(method, typed, asks_email=first.asks_email)


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name, "")
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def is_approval(body: str) -> bool | None:
    """Return what a payer answered the bank; none where it was no answer."""
    return {"approve": True, "deny": False}.get(_text(forms.decode(body), "answer"))
