"""Addresses of billing."""

from django.urls import path

from billing import (
    api,
    budget_api,
    credits_api,
    evidence_api,
    invoice_api,
    rehearsal_api,
    seal_api,
    staff_credit_api,
    usage_api,
)
from billing.views import (
    automatic,
    budgets,
    bundles,
    contracts,
    corrections,
    cost_centres,
    credit_notes,
    disputes,
    holds,
    invoice_lines,
    invoices,
    ledger,
    seals,
    settings,
    staff,
    staff_accounts,
    staff_bank,
    staff_credit,
    staff_dunning,
    staff_payers,
    staff_refunds,
    staff_rehearsals,
    staff_vouchers,
    surpluses,
    vouchers,
    webhooks,
)

app_name = "billing"

urlpatterns = [
    path("o/<slug:org>/billing/", bundles.overview, name="overview"),
    path("o/<slug:org>/billing/bundles/", bundles.bundle_list, name="bundle-list"),
    path("o/<slug:org>/billing/automatic/", automatic.automatic, name="automatic"),
    path("o/<slug:org>/billing/methods/add/", automatic.method_add, name="method-add"),
    path(
        "o/<slug:org>/billing/methods/<uuid:method_id>/choose/",
        automatic.method_choose,
        name="method-choose",
    ),
    path(
        "o/<slug:org>/billing/methods/<uuid:method_id>/forget/",
        automatic.method_forget,
        name="method-forget",
    ),
    path(
        "o/<slug:org>/billing/orders/<uuid:order_id>/recover/",
        automatic.order_recover,
        name="order-recover",
    ),
    path("o/<slug:org>/billing/redeem/", vouchers.redeem, name="voucher-redeem"),
    path("o/<slug:org>/billing/checkout/", bundles.checkout_start, name="checkout-start"),
    path(
        "o/<slug:org>/billing/orders/<uuid:order_id>/",
        bundles.checkout_return,
        name="checkout-return",
    ),
    path("o/<slug:org>/billing/invoices/", invoices.invoice_list, name="invoice-list"),
    path("o/<slug:org>/billing/invoices.csv", invoices.invoices_csv, name="invoices-csv"),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/",
        invoices.invoice_detail,
        name="invoice-detail",
    ),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/pdf/",
        invoices.invoice_pdf,
        name="invoice-pdf",
    ),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/as/<slug:form>/",
        invoices.invoice_file,
        name="invoice-file",
    ),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/pay/",
        invoices.invoice_pay,
        name="invoice-pay",
    ),
    path(
        "o/<slug:org>/billing/surpluses/<uuid:surplus_id>/",
        surpluses.choose,
        name="surplus-choose",
    ),
    path("o/<slug:org>/billing/disputes/", disputes.dispute_list, name="dispute-list"),
    path(
        "o/<slug:org>/billing/disputes/<uuid:dispute_id>/",
        disputes.dispute_detail,
        name="dispute-detail",
    ),
    path(
        "o/<slug:org>/billing/disputes/<uuid:dispute_id>/withdraw/",
        disputes.dispute_withdraw,
        name="dispute-withdraw",
    ),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/dispute/",
        disputes.dispute_open,
        name="dispute-open",
    ),
    path(
        "o/<slug:org>/billing/credit-notes/<slug:number>/",
        credit_notes.credit_note_detail,
        name="credit-note-detail",
    ),
    path(
        "o/<slug:org>/billing/credit-notes/<slug:number>/pdf/",
        credit_notes.credit_note_pdf,
        name="credit-note-pdf",
    ),
    path(
        "o/<slug:org>/billing/credit-notes/<slug:number>/as/<slug:form>/",
        credit_notes.credit_note_file,
        name="credit-note-file",
    ),
    path(
        "o/<slug:org>/billing/invoices/<slug:number>/lines/<int:position>/",
        invoice_lines.invoice_line,
        name="invoice-line",
    ),
    path("o/<slug:org>/billing/budgets/", budgets.budget_list, name="budget-list"),
    path("o/<slug:org>/billing/budgets/new/", budgets.budget_create, name="budget-create"),
    path("o/<slug:org>/billing/budgets/<uuid:budget_id>/", budgets.budget_edit, name="budget-edit"),
    path(
        "o/<slug:org>/billing/budgets/<uuid:budget_id>/delete/",
        budgets.budget_close,
        name="budget-close",
    ),
    path("o/<slug:org>/billing/contract/", contracts.contract, name="contract"),
    path("o/<slug:org>/billing/ledger/", ledger.ledger, name="ledger"),
    path("o/<slug:org>/billing/settings/", settings.settings, name="settings"),
    path(
        "o/<slug:org>/billing/cost-centres/",
        cost_centres.cost_centre_list,
        name="cost-centre-list",
    ),
    path(
        "o/<slug:org>/billing/cost-centres/charge/",
        cost_centres.cost_centre_charge,
        name="cost-centre-charge",
    ),
    path(
        "o/<slug:org>/billing/cost-centres/<uuid:centre_id>/remove/",
        cost_centres.cost_centre_remove,
        name="cost-centre-remove",
    ),
    path(".well-known/receipt-keys.json", seals.keys, name="receipt-keys"),
    path("webhooks/stripe/", webhooks.stripe, name="stripe-webhook"),
]

api_urlpatterns = [
    path("pricing/preview", api.PricingPreview.as_view()),
    path("seals", seal_api.SealList.as_view()),
    path("usage/events", usage_api.UsageEvents.as_view()),
    path("organizations/<slug:org>/credits", api.CreditDetail.as_view()),
    path("organizations/<slug:org>/credits/redeem", credits_api.VoucherRedeem.as_view()),
    path("organizations/<slug:org>/budgets", budget_api.BudgetList.as_view()),
    path("organizations/<slug:org>/budgets/<uuid:budget_id>", budget_api.BudgetDetail.as_view()),
    path("organizations/<slug:org>/ledger", api.LedgerList.as_view()),
    path("organizations/<slug:org>/invoices", invoice_api.InvoiceList.as_view()),
    path(
        "organizations/<slug:org>/invoices/<slug:number>",
        invoice_api.InvoiceDetail.as_view(),
        name="invoice-as-json",
    ),
    path(
        "organizations/<slug:org>/invoices/<slug:number>/events.csv",
        evidence_api.InvoiceEvents.as_view(),
        name="invoice-events",
    ),
    path(
        "organizations/<slug:org>/invoices/<slug:number>/prices.csv",
        evidence_api.InvoicePrices.as_view(),
        name="invoice-prices",
    ),
    path(
        "organizations/<slug:org>/invoices/<slug:number>/commitments.csv",
        evidence_api.InvoiceCommitments.as_view(),
        name="invoice-commitments",
    ),
    path(
        "organizations/<slug:org>/invoices/<slug:number>/lines/<int:position>/days",
        evidence_api.InvoiceLineDays.as_view(),
    ),
    path("organizations/<slug:org>/credit-notes", invoice_api.CreditNoteList.as_view()),
    path(
        "organizations/<slug:org>/credit-notes/<slug:number>",
        invoice_api.CreditNoteDetail.as_view(),
    ),
    path("organizations/<slug:org>/disputes", invoice_api.DisputeList.as_view()),
    path(
        "organizations/<slug:org>/disputes/<uuid:dispute_id>",
        invoice_api.DisputeDetail.as_view(),
    ),
    path("staff/customers/<slug:slug>/credits", staff_credit_api.CreditList.as_view()),
    path(
        "staff/customers/<slug:slug>/credits/<uuid:grant_id>/void",
        staff_credit_api.CreditVoid.as_view(),
    ),
    path(
        "staff/price-books/<slug:code>/versions/<int:number>/rehearsals",
        rehearsal_api.RehearsalCreate.as_view(),
    ),
    path("staff/rehearsals/<uuid:rehearsal_id>", rehearsal_api.RehearsalDetail.as_view()),
]

staff_urlpatterns = [
    path("customers/<slug:slug>/contracts/", contracts.contract_list, name="contract-list"),
    path("customers/<slug:slug>/contracts/new/", contracts.contract_draft, name="contract-draft"),
    path(
        "customers/<slug:slug>/contracts/<uuid:contract_id>/",
        contracts.contract_step,
        name="contract-step",
    ),
    path("customers/<slug:slug>/orders/", contracts.order_add, name="order-add"),
    path("customers/<slug:slug>/monthly/", staff_credit.recurring_list, name="recurring-list"),
    path(
        "customers/<slug:slug>/monthly/new/", staff_credit.recurring_begin, name="recurring-begin"
    ),
    path(
        "customers/<slug:slug>/monthly/<uuid:recurring_id>/end/",
        staff_credit.recurring_end,
        name="recurring-end",
    ),
    path(
        "customers/<slug:slug>/credit/<uuid:grant_id>/void/",
        staff_credit.credit_void,
        name="credit-void",
    ),
    path("customers/<slug:slug>/terms/", staff.terms, name="customer-terms"),
    path("customers/<slug:slug>/payer/", staff_payers.payer, name="customer-payer"),
    path("payers/<uuid:payer_id>/end/", staff_payers.payer_end, name="payer-end"),
    path("issuers/", staff.issuer_list, name="issuer-list"),
    path("issuers/new/", staff.issuer_create, name="issuer-create"),
    path("issuers/<slug:code>/", staff.issuer, name="issuer"),
    path(
        "versions/<uuid:version_id>/rehearsals/",
        staff_rehearsals.rehearsal_list,
        name="rehearsal-list",
    ),
    path(
        "rehearsals/<uuid:rehearsal_id>/",
        staff_rehearsals.rehearsal_detail,
        name="rehearsal-detail",
    ),
    path(
        "rehearsals/<uuid:rehearsal_id>/lines.csv",
        staff_rehearsals.rehearsal_csv,
        name="rehearsal-csv",
    ),
    path("accounts/", staff_accounts.overview, name="accounts"),
    path("accounts.csv", staff_accounts.trial_balance_csv, name="accounts-csv"),
    path("dunning/", staff_dunning.queue, name="dunning"),
    path("bank/", staff_bank.desk, name="bank"),
    path("bank/lines/<uuid:line_id>/assign/", staff_bank.assign, name="bank-assign"),
    path("bank/lines/<uuid:line_id>/order/", staff_bank.assign_order, name="bank-assign-order"),
    path("bank/orders/<uuid:order_id>/give-up/", staff_bank.give_up, name="bank-give-up"),
    path("bank/lines/<uuid:line_id>/settle/", staff_bank.settle, name="bank-settle"),
    path("bank/payments/", staff_bank.propose, name="bank-propose"),
    path("bank/payments/<uuid:payment_id>/", staff_bank.decide, name="bank-decide"),
    path("vouchers/", staff_vouchers.campaign_list, name="campaign-list"),
    path("vouchers/new/", staff_vouchers.campaign_create, name="campaign-create"),
    path("vouchers/<uuid:campaign_id>/end/", staff_vouchers.campaign_end, name="campaign-end"),
    path("holds/<uuid:hold_id>/", holds.hold, name="invoice-hold"),
    path("holds/<uuid:hold_id>/check/", holds.check, name="invoice-hold-check"),
    path("orders/<uuid:order_id>/refund/", staff_refunds.propose, name="refund-propose"),
    path("refunds/<uuid:refund_id>/", staff_refunds.decide, name="refund-decide"),
    path("surpluses/<uuid:surplus_id>/", surpluses.choose_for, name="surplus-choose"),
    path("surpluses/<uuid:surplus_id>/payout/", surpluses.propose, name="payout-propose"),
    path("payouts/<uuid:payout_id>/", surpluses.decide, name="payout-decide"),
    path("corrections/", corrections.desk, name="correction-desk"),
    path(
        "corrections/<uuid:correction_id>/approve/", corrections.approve, name="correction-approve"
    ),
    path("corrections/<uuid:correction_id>/refuse/", corrections.refuse, name="correction-refuse"),
    path("disputes/<uuid:dispute_id>/", corrections.dispute, name="dispute"),
    path("invoices/<uuid:invoice_id>/", corrections.invoice, name="invoice"),
]
