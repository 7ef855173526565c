"""Stripe's published test cards and bank accounts, and what each of them does."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from billing.payments.loopback.errors import CardError

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """Why a payment fails: the code, the finer reason, and the sentence for the payer."""

    code: str
    message: str
    decline_code: str | None = None


GENERIC = Decline("card_declined", DECLINED, "generic_decline")
NO_FUNDS = Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds")
LOST = Decline("card_declined", DECLINED, "lost_card")
STOLEN = Decline("card_declined", DECLINED, "stolen_card")
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card.",
    "test_mode_live_card",
)
EXPIRED = Decline("expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", "An error occurred while processing your card. Try again in a little bit."
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
)
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    "The provided payment method has failed authentication. "
    "You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this "
    "PaymentIntent again.",
)
SETUP_AUTHENTICATION_FAILED = Decline(
    "setup_intent_authentication_failure",
    "The latest attempt to set up the payment method has failed because authentication failed.",
)
DEBIT_FAILED = Decline(
    "payment_method_provider_decline", "The bank declined the debit.", "insufficient_funds"
)


@dataclass(frozen=True)
class Behaviour:
    """What a test card or account does at set-up and when money is asked for."""

    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    declines_setup: bool = True
    challenge: str = "never"  # never | unless_saved | always
    disputed: bool = False
    delayed: bool = False


CARDS = {
    "4242424242424242": Behaviour(),
    "5555555555554444": Behaviour(brand="mastercard"),
    "378282246310005": Behaviour(brand="amex"),
    "4000056655665556": Behaviour(funding="debit"),
    "4000000000000002": Behaviour(decline=GENERIC),
    "4000000000009995": Behaviour(decline=NO_FUNDS),
    "4000000000009987": Behaviour(decline=LOST),
    "4000000000009979": Behaviour(decline=STOLEN),
    "4000000000000069": Behaviour(decline=EXPIRED),
    "4000000000000127": Behaviour(decline=WRONG_CVC),
    "4000000000000119": Behaviour(decline=PROCESSING),
    "4000000000000341": Behaviour(decline=GENERIC, declines_setup=False),
    "4000002500003155": Behaviour(challenge="unless_saved"),
    "4000002760003184": Behaviour(challenge="always"),
    "4000000000003220": Behaviour(challenge="always"),
    "4000008260003178": Behaviour(challenge="always", decline=NO_FUNDS, declines_setup=False),
    "4000000000000259": Behaviour(disputed=True),
}
ACCOUNTS = {
    "DE89370400440532013000": Behaviour(brand="sepa_debit", delayed=True),
    "AT611904300234573201": Behaviour(brand="sepa_debit", delayed=True),
    "FR1420041010050500013M02606": Behaviour(brand="sepa_debit", delayed=True),
    "DE62370400440532013001": Behaviour(brand="sepa_debit", delayed=True, decline=DEBIT_FAILED),
    "AT861904300235473202": Behaviour(brand="sepa_debit", delayed=True, decline=DEBIT_FAILED),
}
SHORTHANDS = {
    "visa": "4242424242424242",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "visa_debit": "4000056655665556",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequired": "4000002760003184",
    "threeDSecure2Required": "4000000000003220",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "createDispute": "4000000000000259",
}


def digits(text: str) -> str:
    """Return a card number or IBAN without the blanks people type."""
    return re.sub(r"[\s-]", "", text).upper()


def is_card_number(number: str) -> bool:
    """Tell whether a number has a card's length and a right Luhn check digit."""
    if not re.fullmatch(r"[0-9]{12,19}", number):
        return False
    doubled = [int(digit) for digit in reversed(number)]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(doubled)) % 10 == 0


def behaviour_of_card(number: str) -> Behaviour:
    """Return what a card does; a card that is not a test card is always declined."""
    return CARDS.get(number, Behaviour(brand="unknown", decline=NOT_A_TEST_CARD))


def behaviour(key: str) -> Behaviour:
    """Return what the test card or account with this stored key does."""
    return CARDS.get(key) or ACCOUNTS.get(key) or behaviour_of_card(key)


def key_of(number: str) -> str:
    """Return what may be stored of a number: a published test number, or nothing of it."""
    return number if number in CARDS or number in ACCOUNTS else "not_a_test_number"


def fingerprint(number: str) -> str:
    """Return a stable name for one number, as Stripe's ``fingerprint``."""
    return hashlib.sha256(f"loopback {number}".encode()).hexdigest()[:16]


def refusal(decline: Decline, *, param: str | None = None, **facts: Any) -> CardError:
    """Return the error an API call gets for a declined payment."""
    extra = {"decline_code": decline.decline_code} if decline.decline_code else {}
    return CardError(decline.message, code=decline.code, param=param, **extra, **facts)
