"""Doorbells of billing; the tables in ``portal.celery`` say when they ring."""

import time
import uuid

from celery import shared_task

from billing import balance_mails, document_mails, mails, service_board
from billing.payments.errors import PaymentUnavailable
from billing.services import (
    budgeting,
    chargebacks,
    collecting,
    credits,
    dunning,
    invoicing,
    leases,
    ledger_days,
    limits,
    orders,
    payouts,
    recurring,
    referrals,
    refunds,
    rehearsing,
    sealing,
    top_ups,
    totalling,
    transfers,
    trials,
    unusual_spend,
    verifying,
    watching,
)

#: Seconds that one task goes on with a rehearsal.
LONGEST = 60


@shared_task(name="billing.reconcile_payments")
def reconcile_payments() -> None:
    """Act on the provider's events that never reached us, and send refunds that were not sent."""
    # What needs no provider first: one that is away keeps nothing else back.
    refunds.credit_returned()
    refunds.sweep()
    chargebacks.settle()
    orders.reconcile()
    payouts.sweep()
    chargebacks.refresh()


@shared_task(name="billing.settle_chargebacks")
def settle_chargebacks() -> None:
    """Let what banks took back for good be owed again."""
    chargebacks.settle()


@shared_task(name="billing.credit_returned")
def credit_returned() -> None:
    """Write credit notes over payments that were given back at the provider."""
    refunds.credit_returned()


@shared_task(
    name="billing.send_refund",
    autoretry_for=(PaymentUnavailable,),
    retry_backoff=True,
    max_retries=8,
)
def send_refund(refund_id: str) -> None:
    """Let the provider pay a refund back."""
    refunds.send(uuid.UUID(refund_id))


@shared_task(
    name="billing.send_payout",
    autoretry_for=(PaymentUnavailable,),
    retry_backoff=True,
    max_retries=8,
)
def send_payout(payout_id: str) -> None:
    """Let the provider pay a surplus back."""
    payouts.send(uuid.UUID(payout_id))


@shared_task(name="billing.collect")
def collect() -> None:
    """Take surpluses off invoices, and charge those that are paid by a saved method."""
    collecting.sweep()


@shared_task(name="billing.send_charge_alert")
def send_charge_alert(organization_id: str, charge_id: str) -> None:
    """Tell those who manage billing that an invoice could not be charged."""
    balance_mails.charge_alert(uuid.UUID(organization_id), uuid.UUID(charge_id))


@shared_task(name="billing.close_periods")
def close_periods() -> None:
    """Finalize the invoices of the month that has ended."""
    invoicing.close_periods()


@shared_task(name="billing.close_months")
def close_months(organization_ids: list[str]) -> None:
    """Finalize the last month of these organizations."""
    invoicing.close_months([uuid.UUID(it) for it in organization_ids])


@shared_task(name="billing.invoice_orders")
def invoice_orders() -> None:
    """Write the invoices of paid orders that have none yet."""
    invoicing.invoice_orders()


@shared_task(name="billing.write_held")
def write_held() -> None:
    """Write the invoices that no longer wait for a person."""
    invoicing.write_held()


@shared_task(name="billing.expire_grants")
def expire_grants() -> None:
    """Book what is left of credit that is over."""
    credits.expire_due()


@shared_task(name="billing.grant_recurring")
def grant_recurring() -> None:
    """Grant the months that begin, and keep of the last ones what was agreed."""
    recurring.sweep()


@shared_task(name="billing.begin_trial")
def begin_trial(organization_id: str) -> None:
    """Give a new customer what it gets to try."""
    trials.begin(uuid.UUID(organization_id))


@shared_task(name="billing.lift_first_limits")
def lift_first_limits(organization_id: str) -> None:
    """Lift the first limits of a customer who has bought something, or signed a contract."""
    trials.lift_for_known(uuid.UUID(organization_id))


@shared_task(name="billing.sweep_trials")
def sweep_trials() -> None:
    """Give new customers what they did not get yet, and lift limits of those who committed themselves."""
    trials.sweep()


@shared_task(name="billing.settle_referral")
def settle_referral(organization_id: str) -> None:
    """Credit a new customer, and whose link led it here, for its first purchase."""
    referrals.settle(uuid.UUID(organization_id))


@shared_task(name="billing.sweep_referrals")
def sweep_referrals() -> None:
    """Credit referrals that are due, take back those that were paid back, and have mails written again."""
    referrals.sweep()


@shared_task(name="billing.tell_referral")
def tell_referral(referral_id: str) -> None:
    """Write to who referred a customer that they were credited for it."""
    mails.referral(uuid.UUID(referral_id))


@shared_task(name="billing.close_ledger_days")
def close_ledger_days() -> None:
    """Sum the ledger up by day."""
    ledger_days.close_days()


@shared_task(name="billing.total_days")
def total_days() -> None:
    """Bring the running totals over all customers to the last day that is over."""
    totalling.total_days()


@shared_task(name="billing.sync_limits")
def sync_limits() -> None:
    """Bring credit limits to what is owed and agreed now."""
    limits.sync_all()


@shared_task(name="billing.reclaim_leases")
def reclaim_leases() -> None:
    """Free what dead gateway processes held."""
    leases.reclaim_dead()


@shared_task(name="billing.watch_budgets")
def watch_budgets() -> None:
    """Tell of the shares of budgets that have been passed."""
    budgeting.tell_crossings()


@shared_task(name="billing.send_budget_alert")
def send_budget_alert(organization_id: str, window_id: str, percent: int) -> None:
    """Tell those who manage budgets how much of one is spent."""
    mails.budget_alert(uuid.UUID(organization_id), uuid.UUID(window_id), percent)


@shared_task(name="billing.mail_dispute_decision")
def mail_dispute_decision(organization_id: str, dispute_id: str) -> None:
    """Tell who opened a dispute how it ended."""
    mails.dispute_decision(uuid.UUID(organization_id), uuid.UUID(dispute_id))


@shared_task(name="billing.seal_receipts")
def seal_receipts() -> None:
    """Seal the hours that are over."""
    sealing.seal_due()


@shared_task(name="billing.verify_seals")
def verify_seals() -> None:
    """Compare the whole chain, and the receipts of late, with what was sealed."""
    verifying.verify_lately()


@shared_task(name="billing.top_up")
def top_up() -> None:
    """Buy for those whose balance is below their rule."""
    top_ups.sweep()


@shared_task(name="billing.expire_orders")
def expire_orders() -> None:
    """End orders whose transfer did not come in time."""
    transfers.expire_due()


@shared_task(name="billing.send_proforma")
def send_proforma(organization_id: str, order_id: str) -> None:
    """Tell those who pay what to transfer for an order."""
    balance_mails.proforma(uuid.UUID(organization_id), uuid.UUID(order_id))


@shared_task(name="billing.watch_balances")
def watch_balances() -> None:
    """Tell of balances that got low or were used up, and of credit that expires soon."""
    watching.sweep()
    watching.tell_expiring()


@shared_task(name="billing.send_balance_alert")
def send_balance_alert(organization_id: str, told_at: str = "") -> None:
    """Tell those who manage billing that the balance is low or used up."""
    balance_mails.balance_alert(uuid.UUID(organization_id), told_at)


@shared_task(name="billing.send_expiry_alert")
def send_expiry_alert(organization_id: str, grant_id: str) -> None:
    """Tell those who manage billing that credit expires soon."""
    balance_mails.expiry_alert(uuid.UUID(organization_id), uuid.UUID(grant_id))


@shared_task(name="billing.send_top_up_alert")
def send_top_up_alert(organization_id: str, reason: str, order_id: str) -> None:
    """Tell those who manage billing that automatic top-up could not buy."""
    balance_mails.top_up_alert(uuid.UUID(organization_id), reason, order_id)


@shared_task(name="billing.dun")
def dun() -> None:
    """Do what was agreed about overdue invoices, and undo it for those that are settled."""
    dunning.sweep()


@shared_task(name="billing.send_reminder")
def send_reminder(organization_id: str, invoice_id: str) -> None:
    """Remind those who pay of an invoice."""
    balance_mails.reminder(uuid.UUID(organization_id), uuid.UUID(invoice_id))


@shared_task(name="billing.mail_documents")
def mail_documents() -> None:
    """Send out the invoices and credit notes that wait; each by a task of its own."""
    for organization_id, kind, document_id in document_mails.unsent():
        mail_document.delay(str(organization_id), kind, str(document_id))


@shared_task(name="billing.mail_document")
def mail_document(organization_id: str, kind: str, document_id: str) -> None:
    """Send one of them; one in trouble is tried again with a later round."""
    document_mails.document(uuid.UUID(organization_id), kind, uuid.UUID(document_id))


@shared_task(name="billing.rehearse")
def rehearse(rehearsal_id: str) -> None:
    """Replay usage under a version of a price book, as far as one task may run."""
    ends = time.monotonic() + LONGEST
    while rehearsing.advance(uuid.UUID(rehearsal_id)):
        if time.monotonic() > ends:
            # The sweep rings again; nobody else's task waits for this one.
            return


@shared_task(name="billing.sweep_rehearsals")
def sweep_rehearsals() -> None:
    """Go on with rehearsals that were left behind."""
    rehearsing.ring_again()


@shared_task(name="billing.look_for_service_risks")
def look_for_service_risks() -> None:
    """Find the customers whose month misses what they were promised so far."""
    service_board.look_for_risks()


@shared_task(name="billing.look_for_unusual_spend")
def look_for_unusual_spend() -> None:
    """Look for spend that is unusual for a customer or a key."""
    unusual_spend.sweep()


@shared_task(name="billing.send_spend_alert")
def send_spend_alert(organization_id: str, signal_id: str) -> None:
    """Tell those who manage billing that more is spent than usual."""
    mails.spend_alert(uuid.UUID(organization_id), uuid.UUID(signal_id))
