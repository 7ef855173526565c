"""The door to whoever takes the money, and the values that pass through it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.money import Money

#: The bank asks for the payer, who was not there: on a page of the provider it can be answered.
NEEDS_PAYER = "authentication_required"


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a hosted payment page is opened for."""

    order_id: uuid.UUID
    description: str
    amount: Money
    email: str
    success_url: str
    cancel_url: str


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A payment, by page or with a saved method, and how far it has come.

    One with a saved method has no page: ``session_id`` and ``url`` are empty.
    """

    session_id: str
    order_id: str
    url: str
    is_paid: bool
    is_expired: bool
    amount: Money
    payment_reference: str
    #: What of it was given back meanwhile.
    refunded: Money
    #: Why it was declined for good, in the provider's own word; empty while it may still be paid.
    failure: str = ""

    @property
    def is_refunded(self) -> bool:
        """Whether all of it was given back."""
        return bool(self.refunded) and not self.refunded < self.amount


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A card or account that the provider keeps for a customer."""

    method_id: str
    kind: str
    brand: str
    last_four: str
    expires: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What a saved method is charged for while nobody is there to be asked."""

    order_id: uuid.UUID
    description: str
    amount: Money
    customer_id: str
    method_id: str


@dataclass(frozen=True, slots=True)
class BankDispute:
    """A payment that the payer's bank takes back, as it stands now."""

    dispute_id: str
    payment_reference: str
    #: ``inquiry``, ``open``, ``closed`` (nothing was taken), ``won`` or ``lost``.
    status: str
    reason: str
    amount: Money
    #: What of it is out of the operator's account, and what was taken for the trouble.
    withdrawn: Money
    fee: Money
    #: How many movements of the account there were: their number only grows.
    moves: int
    opened_at: datetime
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """Something the provider says has happened, about a session, or a payment that one led to.

    Both are empty where it cannot change an order.
    """

    event_id: str
    type: str
    object_id: str
    happened_at: datetime
    session_id: str = ""
    payment_reference: str = ""
    #: Whose saved methods may have changed.
    customer_id: str = ""
    #: The provider's id of a dispute that a bank has opened, moved or closed.
    dispute_id: str = ""
    #: The provider's id of a refund that did not reach the payer after all.
    bounced: str = ""


class PaymentProvider(Protocol):
    """Takes money. Every call goes over the network and never inside a transaction."""

    def open_checkout(self, request: CheckoutRequest) -> CheckoutSession:
        """Open one payment page per order; asked again, return the same page."""

    def close_checkout(self, session_id: str) -> None:
        """Let nobody pay on a page any more; one that was paid or is over already stays as it is."""

    def session(self, session_id: str) -> CheckoutSession | None:
        """Return the session as it stands now; None where the account has no such session."""

    def session_of(self, payment_reference: str) -> CheckoutSession | None:
        """Return the session that led to the payment, as it stands now."""

    def dispute(self, dispute_id: str) -> BankDispute | None:
        """Return a bank's dispute as it stands now; None where the account has no such dispute."""

    def customer(self, organization_id: uuid.UUID, *, name: str, email: str) -> str:
        """Return the id under which the provider knows the organization; asked again, the same."""

    def chargeable(self, amount: Money) -> Money:
        """Return the least that can be charged and is no less: some currencies go in larger steps."""

    def open_setup(
        self, customer_id: str, *, currency: str, success_url: str, cancel_url: str
    ) -> str:
        """Return the address of a page that saves a method for later."""

    def methods(self, customer_id: str) -> Sequence[SavedMethod]:
        """Return what the customer has saved."""

    def forget(self, method_id: str) -> None:
        """Forget a saved method; one that is gone already is no error."""

    def charge(self, charge: Charge) -> CheckoutSession:
        """Charge a saved method once per order: asked again, answer how that charge stands.

        A declined charge is given up for good, so that it cannot be paid beside another one.
        """

    def refund(
        self, payment_reference: str, amount: Money, *, refund_id: uuid.UUID, attempt: int = 1
    ) -> str:
        """Pay so much of a payment back and return the refund's id; asked again, the same refund.

        Raises ``RefundRefused`` for what this attempt will never pay; another attempt is a new try,
        unless one before it was paid.
        """

    def verified(self, body: bytes, signature: str) -> PaymentEvent:
        """Return the event in a delivery whose signature holds, or raise ``UntrustedDelivery``."""

    def recent_events(self, since: datetime) -> Sequence[PaymentEvent]:
        """Return the events since then that can change an order."""
