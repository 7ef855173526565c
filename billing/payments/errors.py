"""What can go wrong at the door."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class PaymentUnavailable(DomainError):
    """The provider cannot be reached or refuses to serve."""

    code = "payment_unavailable"
    status = 503
    detail = _("The payment page cannot be opened now. Nothing was charged; try again shortly.")


class UntrustedDelivery(DomainError):
    """A webhook whose signature does not hold, or whose body is no event."""

    code = "untrusted_delivery"
    status = 400
    detail = _("The signature of this delivery does not hold.")


class OtherMode(UntrustedDelivery):
    """A genuine event of the provider's other mode: play money at a live address, or the reverse."""

    code = "other_mode"
    detail = _("This event is of the provider's other mode, test or live. Nothing was done.")


class PaymentMismatch(DomainError):
    """A paid session does not carry the order's amount."""

    code = "payment_mismatch"
    status = 409
    detail = _("The amount paid is not the order's. Nothing was granted; our staff was told.")


class RefundRefused(DomainError):
    """The provider will not pay a refund back."""

    code = "refund_refused"
    status = 409
    detail = _("The payment provider refuses this refund.")

    def __init__(self, why: str) -> None:
        super().__init__()
        #: In the provider's own word.
        self.why = why
