"""What billing tells customers' own systems."""

from django.utils.translation import gettext_lazy as _

from tenants.webhook_types import register

INVOICE_FINALIZED = "invoice.finalized"
INVOICE_PAID = "invoice.paid"
BALANCE_LOW = "balance.low"
BALANCE_EXHAUSTED = "balance.exhausted"
GRANT_CREATED = "grant.created"
GRANT_EXPIRING = "grant.expiring"
BUDGET_REACHED = "budget.reached"
BUDGET_EXCEEDED = "budget.exceeded"
PAYMENT_SUCCEEDED = "payment.succeeded"
PAYMENT_FAILED = "payment.failed"
TOP_UP_PAUSED = "top_up.paused"
SPEND_UNUSUAL = "spend.unusual"

register(INVOICE_FINALIZED, _("An invoice has its number and is due"))
register(INVOICE_PAID, _("An invoice is paid"))
register(BALANCE_LOW, _("The balance fell below the level you set"))
register(BALANCE_EXHAUSTED, _("There is nothing left to call with"))
register(GRANT_CREATED, _("Credit was granted, bought or given"))
register(GRANT_EXPIRING, _("Credit that is left expires within two weeks"))
register(BUDGET_REACHED, _("A share of a budget that you asked to be told of is spent"))
register(BUDGET_EXCEEDED, _("All of a budget is spent"))
register(PAYMENT_SUCCEEDED, _("A payment has arrived"))
register(PAYMENT_FAILED, _("A payment was declined or expired"))
register(TOP_UP_PAUSED, _("Automatic top-up stopped and waits for a person"))
register(SPEND_UNUSUAL, _("More is spent than is usual for you"))
