"""The models of billing."""

from billing.models.alarms import SpendAlarm
from billing.models.bank import BankLine, BankStatement, IncomingPayment, ManualPayment
from billing.models.budgets import Budget, BudgetLease, BudgetWindow
from billing.models.chargebacks import Chargeback
from billing.models.charges import Collection, InvoiceCharge, PaymentChoice
from billing.models.contracts import (
    Contract,
    ContractTax,
    CostCentre,
    CostCentreProject,
    LateMonth,
    Overage,
    Plan,
    PurchaseOrder,
    PurchaseOrderUse,
)
from billing.models.corrections import Correction, Dispute, InvoiceHold
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.dunning import DunningPolicy, DunningStep
from billing.models.endings import ContractEnd
from billing.models.gpu_costs import GpuCost
from billing.models.grants import HOLD, CreditGrant, Lease
from billing.models.invoices import Invoice, InvoiceLine, InvoiceSequence
from billing.models.ledger import AccountKind, LedgerAccount, LedgerEntry, LedgerTransaction
from billing.models.ledger_days import ClosedLedgerDay, LedgerDay, LedgerHour
from billing.models.orders import Order, StripeEvent
from billing.models.payers import InvoicePart, Payer
from billing.models.payments import (
    BalanceWatch,
    PaymentMethod,
    ProviderCustomer,
    TopUpRule,
)
from billing.models.profiles import BillingProfile, Issuer, Split, TaxTreatment, VatState
from billing.models.rated import PricedBucket, RatedUsage, SpendBucket, SpendDay
from billing.models.recurring import RecurringGrant, RecurringInstance
from billing.models.referrals import Referral, ReferralCode, ReferralTerms
from billing.models.refunds import Refund
from billing.models.rehearsals import Rehearsal, RehearsedUsage
from billing.models.seals import (
    ClosedHour,
    OrganizationSeal,
    Seal,
    SealCheck,
    SealedLeaves,
    SealingKey,
)
from billing.models.service_months import ServiceMonth
from billing.models.surpluses import Payout, Surplus
from billing.models.totals import LateDay, QuarterTotal, RunningTotal, TotalledDay
from billing.models.trials import TrialCredit, TrialTerms
from billing.models.vouchers import Voucher, VoucherCampaign, VoucherRedemption
from billing.models.wallets import Wallet

__all__ = [
    "HOLD",
    "AccountKind",
    "BalanceWatch",
    "BankLine",
    "BankStatement",
    "BillingProfile",
    "Budget",
    "BudgetLease",
    "BudgetWindow",
    "Chargeback",
    "ClosedHour",
    "ClosedLedgerDay",
    "Collection",
    "Contract",
    "ContractEnd",
    "ContractTax",
    "Correction",
    "CostCentre",
    "CostCentreProject",
    "CreditGrant",
    "CreditNote",
    "CreditNoteLine",
    "Dispute",
    "DunningPolicy",
    "DunningStep",
    "GpuCost",
    "IncomingPayment",
    "Invoice",
    "InvoiceCharge",
    "InvoiceHold",
    "InvoiceLine",
    "InvoicePart",
    "InvoiceSequence",
    "Issuer",
    "LateDay",
    "LateMonth",
    "Lease",
    "LedgerAccount",
    "LedgerDay",
    "LedgerEntry",
    "LedgerHour",
    "LedgerTransaction",
    "ManualPayment",
    "Order",
    "OrganizationSeal",
    "Overage",
    "Payer",
    "PaymentChoice",
    "PaymentMethod",
    "Payout",
    "Plan",
    "PricedBucket",
    "ProviderCustomer",
    "PurchaseOrder",
    "PurchaseOrderUse",
    "QuarterTotal",
    "RatedUsage",
    "RecurringGrant",
    "RecurringInstance",
    "Referral",
    "ReferralCode",
    "ReferralTerms",
    "Refund",
    "Rehearsal",
    "RehearsedUsage",
    "RunningTotal",
    "Seal",
    "SealCheck",
    "SealedLeaves",
    "SealingKey",
    "ServiceMonth",
    "SpendAlarm",
    "SpendBucket",
    "SpendDay",
    "Split",
    "StripeEvent",
    "Surplus",
    "TaxTreatment",
    "TopUpRule",
    "TotalledDay",
    "TrialCredit",
    "TrialTerms",
    "VatState",
    "Voucher",
    "VoucherCampaign",
    "VoucherRedemption",
    "Wallet",
]
