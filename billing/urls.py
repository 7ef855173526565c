"""Addresses of billing."""

from django.urls import path

from billing import api, budget_api, credits_api, usage_api
from billing.views import (
    budgets,
    bundles,
    invoices,
    ledger,
    settings,
    staff,
    staff_vouchers,
    vouchers,
    webhooks,
)

app_name = "billing"

urlpatterns = [
    path("o/<slug:org>/billing/", bundles.overview, name="overview"),
    path("o/<slug:org>/billing/bundles/", bundles.bundle_list, name="bundle-list"),
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
    path("o/<slug:org>/billing/budgets/", budgets.budget_list, name="budget-list"),
    path("o/<slug:org>/billing/budgets/new/", budgets.budget_create, name="budget-create"),
    path("o/<slug:org>/billing/budgets/<uuid:budget_id>/", budgets.budget_edit, name="budget-edit"),
    path(
        "o/<slug:org>/billing/budgets/<uuid:budget_id>/delete/",
        budgets.budget_close,
        name="budget-close",
    ),
    path("o/<slug:org>/billing/ledger/", ledger.ledger, name="ledger"),
    path("o/<slug:org>/billing/settings/", settings.settings, name="settings"),
    path("webhooks/stripe/", webhooks.stripe, name="stripe-webhook"),
]

api_urlpatterns = [
    path("pricing/preview", api.PricingPreview.as_view()),
    path("usage/events", usage_api.UsageEvents.as_view()),
    path("organizations/<slug:org>/credits", api.CreditDetail.as_view()),
    path("organizations/<slug:org>/credits/redeem", credits_api.VoucherRedeem.as_view()),
    path("organizations/<slug:org>/budgets", budget_api.BudgetList.as_view()),
    path("organizations/<slug:org>/budgets/<uuid:budget_id>", budget_api.BudgetDetail.as_view()),
    path("organizations/<slug:org>/ledger", api.LedgerList.as_view()),
]

staff_urlpatterns = [
    path("issuer/", staff.issuer, name="issuer"),
    path("vouchers/", staff_vouchers.campaign_list, name="campaign-list"),
    path("vouchers/new/", staff_vouchers.campaign_create, name="campaign-create"),
    path("vouchers/<uuid:campaign_id>/end/", staff_vouchers.campaign_end, name="campaign-end"),
]
