"""Payment methods as values: made from a card or an account, never storing a real number."""

import re
from dataclasses import dataclass

from billing.payments.loopback import cards, clock, events, ids
from billing.payments.loopback.context import Context
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.store import Object

NO_ADDRESS: Object = dict.fromkeys(
    ("city", "country", "line1", "line2", "postal_code", "state"), None
)


@dataclass(frozen=True)
class CardDetails:
    """What a payer types of a card; the security code is checked by nobody and kept nowhere."""

    number: str
    exp_month: int = 12
    exp_year: int = 2034


def billing_details(name: str | None = None, email: str | None = None) -> Object:
    """Return who pays, as charges and methods show it."""
    return {
        "address": dict(NO_ADDRESS),
        "email": email,
        "name": name,
        "phone": None,
        "tax_id": None,
    }


def of_card(context: Context, card: CardDetails, payer: Object) -> Object:
    """Store a new card method; of a number that is no test card only the last four remain."""
    if not cards.is_card_number(card.number):
        message = "Your card number is incorrect."
        raise cards.refusal(cards.Decline("incorrect_number", message), param="number")
    behaviour = cards.behaviour_of_card(card.number)
    details: Object = {
        "brand": behaviour.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": "US",
        "display_brand": behaviour.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": cards.fingerprint(cards.key_of(card.number)),
        "funding": behaviour.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [behaviour.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return _insert(context, "card", details, payer, cards.key_of(card.number))


def of_account(context: Context, iban: str, payer: Object) -> Object:
    """Store a new SEPA Direct Debit method; only published test accounts are accepted."""
    if iban not in cards.ACCOUNTS:
        raise InvalidParameter(
            "The IBAN you provided is not one of Stripe's test accounts.",
            code="invalid_bank_account_iban",
            param="sepa_debit[iban]",
        )
    details: Object = {
        "bank_code": iban[4:12],
        "branch_code": None,
        "country": iban[:2],
        "fingerprint": cards.fingerprint(iban),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }
    return _insert(context, "sepa_debit", details, payer, iban)


def resolve(context: Context, reference: str, *, param: str = "payment_method") -> Object:
    """Return the method an id names; Stripe's ``pm_card_…`` shorthands make a new one."""
    if match := re.fullmatch(r"pm_card_(\w+)", reference):
        number = cards.SHORTHANDS.get(match[1])
        if number is not None:
            return of_card(context, CardDetails(number), billing_details())
    if reference == "pm_sepaDebit":
        return of_account(context, "DE89370400440532013000", billing_details())
    found = context.store.find(reference, "payment_method")
    if found is None:
        message = f"No such PaymentMethod: '{reference}'"
        raise ApiError(message, code="resource_missing", param=param)
    return found


def attach(context: Context, method: Object, customer: str) -> Object:
    """Keep a method for a customer's later payments; attaching twice changes nothing."""
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise ApiError(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    method["customer"] = customer
    context.store.save(method)
    events.emit(context, "payment_method.attached", method)
    return method


def summary(method: Object) -> Object:
    """Return a charge's ``payment_method_details``."""
    kind = method["type"]
    details = dict(method[kind])
    if kind == "card":
        details = {name: details[name] for name in CHARGE_CARD_FIELDS}
        details |= {"network": details["brand"], "three_d_secure": None, "wallet": None}
    return {"type": kind, kind: details}


CHARGE_CARD_FIELDS = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
)


def _insert(context: Context, kind: str, details: Object, payer: Object, number: str) -> Object:
    return context.store.insert(
        {
            "id": ids.new("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": payer,
            kind: details,
            "created": clock.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
            "_number": number,
            # Set once its holder passed a challenge at set-up: later debits need none.
            "_authenticated": False,
        }
    )
