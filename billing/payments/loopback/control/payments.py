"""Control of payments: pay without a browser, answer the bank, settle, dispute, fail a refund."""

from billing.payments.loopback import cards, disputes, events, methods
from billing.payments.loopback.checkout import sessions
from billing.payments.loopback.control.arguments import Arguments
from billing.payments.loopback.errors import ApiError, InvalidParameter
from billing.payments.loopback.resources import refunds
from billing.payments.loopback.service import Service
from billing.payments.loopback.store import Object


def pay_session(service: Service, arguments: Arguments, session: str) -> Object:
    """Fill the payment page in for a payer: with a card or an IBAN, and an answer to the bank."""
    context = service.context()
    found = service.store.get("checkout.session", session)
    payer = methods.billing_details(
        arguments.text("name", "Test Payer"), arguments.text("email", "payer@example.com")
    )
    number = cards.digits(arguments.text("card", "4242424242424242") or "")
    iban = cards.digits(arguments.text("iban") or "")
    answer = arguments.choice("authentication", ("none", "approve", "deny"), "none")
    if iban:
        method = methods.of_account(context, iban, payer)
    else:
        method = methods.of_card(context, methods.CardDetails(number), payer)
    found = sessions.pay(context, found, method)
    intent = sessions.intent_of(context, found)
    if answer != "none":
        sessions.answer_challenge(context, intent, approved=answer == "approve")
    return {
        "session": service.store.get("checkout.session", session),
        "intent": service.store.find(intent["id"]),
    }


def expire_session(service: Service, arguments: Arguments, session: str) -> Object:
    """Let a session's time run out now."""
    return sessions.expire(service.context(), service.store.get("checkout.session", session))


def settle_session(service: Service, arguments: Arguments, session: str) -> Object:
    """Let the bank debit behind a session arrive or bounce now."""
    found = service.store.get("checkout.session", session)
    return settle_payment(service, arguments, found["payment_intent"] or "")


def settle_payment(service: Service, arguments: Arguments, intent: str) -> Object:
    """Let a bank debit arrive or bounce now; without a word its account decides."""
    found = service.store.get("payment_intent", intent)
    outcome = arguments.choice("outcome", ("account", "succeeded", "failed"), "account")
    if outcome == "account" and found["payment_method"]:
        method = service.store.get("payment_method", found["payment_method"])
        outcome = "failed" if cards.behaviour(method["_number"]).decline else "succeeded"
    sessions.settle(service.context(), found, succeeded=outcome == "succeeded")
    return service.store.get("payment_intent", intent)


def authenticate(service: Service, arguments: Arguments, intent: str) -> Object:
    """Answer the bank's question for the payer of a payment or setup intent."""
    found = service.store.find(intent)
    if found is None or found.get("status") != "requires_action":
        raise ApiError(f"{intent} does not wait for the payer's authentication.")
    answer = arguments.choice("answer", ("approve", "deny"), "approve")
    sessions.answer_challenge(service.context(), found, approved=answer == "approve")
    return found


def open_dispute(service: Service, arguments: Arguments) -> Object:
    """Let the payer's bank take a payment back."""
    charge_id = arguments.text("charge")
    if intent_id := arguments.text("payment_intent"):
        intent = service.store.get("payment_intent", intent_id, param="payment_intent")
        charge_id = intent["latest_charge"]
    charge = service.store.get("charge", charge_id or "", param="charge")
    reason = arguments.choice("reason", disputes.REASONS, "fraudulent")
    amount = int(arguments.number("amount", charge["amount"], minimum=1))
    if amount > charge["amount"]:
        raise InvalidParameter("amount is greater than the charge.", param="amount")
    is_inquiry = arguments.choice("kind", ("dispute", "inquiry"), "dispute") == "inquiry"
    return disputes.open_on(
        service.context(), charge, reason=reason, amount=amount, is_inquiry=is_inquiry
    )


def escalate_dispute(service: Service, arguments: Arguments, dispute: str) -> Object:
    """Let a bank's inquiry become a dispute."""
    return disputes.escalate(service.context(), service.store.get("dispute", dispute))


def close_dispute(service: Service, arguments: Arguments, dispute: str) -> Object:
    """End a dispute as won or lost, or an inquiry without effect."""
    found = service.store.get("dispute", dispute)
    status = arguments.choice("status", ("won", "lost", "warning_closed"), "lost")
    return disputes.close(service.context(), found, status)


def fail_refund(service: Service, arguments: Arguments, refund: str) -> Object:
    """Let the payer's bank reject a refund."""
    return refunds.fail(service.context(), service.store.get("refund", refund))


def send_event(service: Service, arguments: Arguments) -> Object:
    """Send an event of any type, known or not, about any object."""
    event_type = arguments.text("type")
    if not event_type:
        raise InvalidParameter("type is needed.", param="type")
    item = arguments.mapping("object") or {"object": "unknown", "id": "unknown_1"}
    return events.emit(service.context(), event_type, item)
