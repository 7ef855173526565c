"""Why billing refuses."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from billing.rating.definition import InvalidPrice
from common.errors import Conflict, DomainError, Forbidden


class UnratablePrice(DomainError):
    """A price definition, or what is to be rated by it, cannot be understood."""

    code = "invalid_price"
    detail = _("This price cannot be rated.")

    @classmethod
    def because(cls, error: InvalidPrice) -> "UnratablePrice":
        """Return the refusal that names the field."""
        return cls(field_errors={error.field: [error.reason]})


class OrganizationSuspended(Forbidden):
    """Who is shut out is not sold what it could not use."""

    code = "organization_suspended"
    detail = _("The organization is suspended and cannot buy. The reason stands in its audit log.")


class VoucherUnknown(DomainError):
    """No voucher has this code. Codes cannot be guessed, so nothing more is told."""

    code = "voucher_unknown"
    status = 404
    detail = _("There is no voucher with this code. Check its sixteen letters and digits.")


class VoucherUsed(Conflict):
    """It was redeemed already, or another one of its campaign was."""

    code = "voucher_used"
    detail = _("This voucher has been redeemed, or you have redeemed another of its campaign.")


class VoucherOver(DomainError):
    """Its campaign has ended."""

    code = "voucher_over"
    detail = _("This voucher can no longer be redeemed.")


class VoucherInOtherCurrency(DomainError):
    """Credit is kept in the organization's currency."""

    code = "voucher_in_other_currency"
    detail = _("This voucher is of another currency than your organization's.")


class ContractInvalid(DomainError):
    """Terms that cannot be lived by."""

    code = "contract_not_valid"
    status = 422
    detail = _("These terms cannot be agreed on.")


class ContractInThePast(DomainError):
    """A contract would change what was already used."""

    code = "contract_in_the_past"
    status = 422
    detail = _("A contract begins and ends today or later, never in the past.")


class ContractOverlaps(Conflict):
    """Two contracts would hold at once."""

    code = "contract_overlaps"
    detail = _("Another contract holds then. End that one first, or begin later.")


class ContractNotRunning(Conflict):
    """What has not begun or is over would be ended."""

    code = "contract_not_running"
    detail = _("Only a signed contract that is not over can be ended.")


class EndProposed(Conflict):
    """A contract's end would be proposed beside another."""

    code = "contract_end_proposed"
    detail = _("An end of this contract waits for a second person already.")


class ContractSigned(Conflict):
    """A signed contract would be changed."""

    code = "contract_signed"
    detail = _("This contract is signed. Draft a new one: the old ends where it begins.")


class GpuCostStated(Conflict):
    """Two costs of a model would begin on one day."""

    code = "gpu_cost_stated"
    detail = _("A cost of this model begins that day already. Withdraw it first.")


class PlanTaken(Conflict):
    """Another plan has this code."""

    code = "plan_taken"
    detail = _("There is a plan with this code.")


class OrderTaken(Conflict):
    """The customer has a purchase order with this number."""

    code = "purchase_order_taken"
    detail = _("There is a purchase order with this number.")


class DocumentBreaksRules(DomainError):
    """A document would break the rules of EN 16931; it gets no number."""

    code = "document_breaks_rules"
    status = 409

    def __init__(self, reasons: Sequence[StrOrPromise]) -> None:
        words = _("It would break the rules for electronic invoices, and nothing was written.")
        super().__init__(" ".join([str(words), *(str(reason) for reason in reasons)]))


class RehearsalInvalid(DomainError):
    """A rehearsal of months that cannot be replayed."""

    code = "rehearsal_not_valid"
    status = 422
    detail = _("These months cannot be rehearsed.")


class CurrencyFixed(Conflict):
    """Something was agreed, bought or booked in the present currency."""

    code = "currency_fixed"
    detail = _("Something is agreed, bought or booked in this currency, so it stays.")


class OperatorsBudget(Forbidden):
    """The budget is what the operator lets a new customer spend."""

    code = "operators_budget"
    detail = _(
        "The operator has set this limit. It is lifted after your first purchase, or with a contract."
    )


class AlarmOutOfBounds(DomainError):
    """Amounts from which on spend is worth a look that cannot be lived by."""

    code = "spend_alarm_not_valid"
    status = 422
    detail = _("These amounts cannot be set.")


class TrialNotWaiting(Conflict):
    """The terms were decided before."""

    code = "trial_terms_not_waiting"
    detail = _("This was decided already, or taken back.")
