"""An entry of the audit log in words: what was done, on what, and each field before and after."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common.languages import listed
from common.templatetags import formats
from tenants.audit_names import FIELDS, KINDS
from tenants.models import AuditEntry

#: What people did, in words that can be translated; what is not here reads as its code does:
#: ``order.closed`` would be “Order closed”.
ACTIONS: dict[str, StrOrPromise] = {
    "announcement.made": _("Announcement made"),
    "announcement.withdrawn": _("Announcement taken back"),
    "api_key.changed": _("API key changed"),
    "api_key.created": _("API key made"),
    "api_key.former_ended": _("Old text of an API key ended"),
    "api_key.leaked": _("API key reported as leaked"),
    "api_key.revoked": _("API key revoked"),
    "api_key.rotated": _("API key rotated"),
    "balance.alert_set": _("Balance alert set"),
    "balance.exhausted": _("Balance used up"),
    "balance.low": _("Balance low"),
    "bank_line.settled": _("Bank line settled"),
    "bank_statement.imported": _("Bank statement imported"),
    "batch.cancelled": _("Batch cancelled"),
    "batch.checked": _("Batch checked"),
    "batch.created": _("Batch created"),
    "batch.ended": _("Batch ended"),
    "batch_price.changed": _("Price of batches changed"),
    "billing_profile.changed": _("Billing profile changed"),
    "billing_profile.decided": _("Billing profile decided"),
    "budget.changed": _("Budget changed"),
    "budget.closed": _("Budget closed"),
    "budget.created": _("Budget created"),
    "budget.reached": _("Budget reached"),
    "bundle.added": _("Bundle added"),
    "bundle.changed": _("Bundle changed"),
    "charge.refunded": _("Charge paid back"),
    "chargeback.closed": _("Chargeback closed"),
    "chargeback.inquiry": _("Chargeback asked about"),
    "chargeback.lost": _("Chargeback lost"),
    "chargeback.open": _("Chargeback opened"),
    "chargeback.settled": _("Chargeback settled"),
    "chargeback.won": _("Chargeback won"),
    "cluster.added": _("Cluster added"),
    "cluster.renewed": _("Credential of a cluster renewed"),
    "cluster.turned": _("Cluster switched on or off"),
    "compute_job.ended": _("Job ended"),
    "compute_job.submitted": _("Job handed to a cluster"),
    "contract.changed": _("Contract changed"),
    "contract.discarded": _("Draft of a contract discarded"),
    "contract.drafted": _("Contract drafted"),
    "contract.ended": _("Contract ended"),
    "contract.signed": _("Contract signed"),
    "contract_end.approved": _("End of a contract approved"),
    "contract_end.proposed": _("End of a contract proposed"),
    "contract_end.refused": _("End of a contract refused"),
    "correction.approved": _("Correction approved"),
    "correction.proposed": _("Correction proposed"),
    "correction.refused": _("Correction refused"),
    "cost_centre.added": _("Cost centre added"),
    "cost_centre.removed": _("Cost centre removed"),
    "credit.granted": _("Credit granted"),
    "credit.handed_over": _("Credit handed over"),
    "credit.recurring_begun": _("Credit recurring begun"),
    "credit.recurring_ended": _("Credit recurring ended"),
    "credit.voided": _("Credit voided"),
    "credit_note.issued": _("Credit note issued"),
    "customer_group.changed": _("Customer group changed"),
    "customer_group.opened": _("Customer group made"),
    "dataset.checked": _("Dataset checked"),
    "dispute.accepted": _("Dispute accepted"),
    "dispute.opened": _("Dispute opened"),
    "dispute.refused": _("Dispute refused"),
    "dispute.withdrawn": _("Dispute taken back"),
    "dossier.changed": _("Dossier changed"),
    "draft_price.changed": _("Price of a draft changed"),
    "draft_prices.adjusted": _("Prices of a draft changed by a percentage"),
    "draft_prices.imported": _("Prices of a draft imported"),
    "dunning.mail": _("Reminder by e-mail"),
    "dunning.restrict": _("Fewer calls a minute"),
    "dunning.stages_set": _("Steps of reminding set"),
    "dunning.suspend": _("Calls are refused"),
    "file.deleted": _("File deleted"),
    "file.expired": _("File expired"),
    "file.kept": _("File kept"),
    "fine_tuning_job.awaiting_funds": _("Fine-tuning job waits for funds"),
    "fine_tuning_job.cancel_wished": _("Cancelling of a fine-tuning job asked for"),
    "fine_tuning_job.cancelled": _("Fine-tuning job cancelled"),
    "fine_tuning_job.cancelling": _("Fine-tuning job being cancelled"),
    "fine_tuning_job.created": _("Fine-tuning job made"),
    "fine_tuning_job.dispatched": _("Fine-tuning job handed to a cluster"),
    "fine_tuning_job.failed": _("Fine-tuning job failed"),
    "fine_tuning_job.finalizing": _("Fine-tuning job being finished"),
    "fine_tuning_job.paused": _("Fine-tuning job paused"),
    "fine_tuning_job.queued": _("Fine-tuning job waits its turn"),
    "fine_tuning_job.recovering": _("Fine-tuning job recovering"),
    "fine_tuning_job.running": _("Fine-tuning job running"),
    "fine_tuning_job.succeeded": _("Fine-tuning job succeeded"),
    "fine_tuning_job.validating": _("Fine-tuning job being checked"),
    "first_limits.lifted": _("First limits lifted"),
    "gpu_cost.stated": _("Cost of GPUs stated"),
    "gpu_cost.withdrawn": _("Cost of GPUs taken back"),
    "incident.opened": _("Incident opened"),
    "incident.updated": _("Incident updated"),
    "invitation.resent": _("Invitation sent again"),
    "invitation.revoked": _("Invitation revoked"),
    "invoice.charge_expired": _("Charge of an invoice expired"),
    "invoice.charge_failed": _("Charge of an invoice failed"),
    "invoice.charge_mismatch": _("Charge of another amount than the invoice's"),
    "invoice.charge_paid": _("Charge of an invoice paid"),
    "invoice.charge_placed": _("Invoice charged"),
    "invoice.charge_refunded": _("Charge of an invoice paid back"),
    "invoice.checked_again": _("Held invoice checked again"),
    "invoice.finalized": _("Invoice finalized"),
    "invoice.held": _("Invoice held"),
    "invoice.payment_received": _("Invoice payment received"),
    "invoice.released": _("Held invoice released"),
    "issuer.changed": _("Issuer changed"),
    "issuer.created": _("Issuer created"),
    "late_usage.decided": _("Late usage decided"),
    "late_usage.queued": _("Late usage put aside"),
    "legal_text.approved": _("Legal text approved"),
    "legal_text.proposed": _("Legal text proposed"),
    "legal_text.refused": _("Legal text refused"),
    "legal_text.withdrawn": _("Legal text taken back"),
    "member.invited": _("Member invited"),
    "member.joined": _("Member joined"),
    "member.left": _("Member left"),
    "member.removed": _("Member removed"),
    "member.role_changed": _("Role changed"),
    "model.access_changed": _("Terms and access of a model changed"),
    "model.added": _("Model added"),
    "model.audience_changed": _("Who sees a model changed"),
    "model.deprecated": _("Last day of a model set"),
    "model.draft": _("Model back in draft"),
    "model.edited": _("Model edited"),
    "model.in_review": _("Model in review"),
    "model.published": _("Model published"),
    "model.retired": _("Model retired"),
    "model.tokenizer_changed": _("Model tokenizer changed"),
    "model.weights_placed": _("Model weights placed"),
    "model_access.approved": _("Access to a model granted"),
    "model_access.denied": _("Access to a model refused"),
    "model_access.requested": _("Access to a model asked for"),
    "model_access.revoked": _("Access to a model taken back"),
    "model_change.applied": _("Model change applied"),
    "model_change.approved": _("Model change approved"),
    "model_change.failed": _("Model change failed"),
    "model_change.proposed": _("Model change proposed"),
    "model_change.refused": _("Model change refused"),
    "model_change.withdrawn": _("Model change taken back"),
    "model_terms.accepted": _("Terms of a model accepted"),
    "note.pinned": _("Note pinned"),
    "note.unpinned": _("Note unpinned"),
    "note.written": _("Note written"),
    "offer.changed": _("Offer changed"),
    "offer.tuned_terms_changed": _("Terms of models made of an offer changed"),
    "order.expired": _("Order expired"),
    "order.failed": _("Order failed"),
    "order.given_up": _("Order given up"),
    "order.paid": _("Order paid"),
    "order.paid_twice": _("Order paid twice"),
    "order.partly_refunded": _("Order partly paid back"),
    "order.payment_mismatch": _("Payment of another amount than the order's"),
    "order.placed": _("Order placed"),
    "order.refunded": _("Order paid back"),
    "order.transfer_received": _("Order transfer received"),
    "organization.admitted": _("Organization let in"),
    "organization.changed": _("Settings changed"),
    "organization.founded": _("Organization founded"),
    "organization.reactivated": _("Organization active again"),
    "organization.refused": _("Organization not let in"),
    "organization.suspended": _("Organization suspended"),
    "payer.began": _("Another organization pays"),
    "payer.ended": _("Another organization no longer pays"),
    "payment.approved": _("Payment approved"),
    "payment.proposed": _("Payment proposed"),
    "payment.refused": _("Payment refused"),
    "payment_choice.set": _("Payment choice set"),
    "payment_method.chosen": _("Payment method chosen"),
    "payment_method.removed": _("Payment method removed"),
    "payment_method.saved": _("Payment method saved"),
    "payout.approved": _("Payout approved"),
    "payout.failed": _("Payout failed"),
    "payout.proposed": _("Payout proposed"),
    "payout.refused": _("Payout refused"),
    "payout.sent": _("Payout sent"),
    "plan.changed": _("Plan changed"),
    "plan.offered": _("Plan offered"),
    "plan.opened": _("Plan made"),
    "plan.retired": _("Plan retired"),
    "playground.opened": _("Playground opened"),
    "price.changed": _("Price changed"),
    "price_book.assigned": _("Price book given to others"),
    "price_book.opened": _("Price book opened"),
    "price_book.retired": _("Price book retired"),
    "price_move.done": _("Planned change of who pays what done"),
    "price_move.failed": _("Planned change of who pays what failed"),
    "price_move.planned": _("Change of who pays what planned"),
    "price_move.withdrawn": _("Planned change of who pays what taken back"),
    "price_version.discarded": _("Draft of a price book discarded"),
    "price_version.drafted": _("Version of a price book drafted"),
    "price_version.published": _("Version of a price book published"),
    "price_version.rehearsed": _("Version of a price book rehearsed"),
    "price_version.withdrawn": _("Version of a price book withdrawn"),
    "prices.retired": _("Prices of a model retired"),
    "private_model.accepted": _("Private model accepted"),
    "private_model.registered": _("Private model registered"),
    "private_model.shared": _("Private model shared"),
    "private_model.unshared": _("Private model no longer shared"),
    "project.changed": _("Project changed"),
    "project.charged": _("Project charged to a cost centre"),
    "project.created": _("Project made"),
    "purchase_order.added": _("Purchase order added"),
    "purchase_order.closed": _("Purchase order closed"),
    "referral.held": _("Referral held"),
    "referral.linked": _("Link for referrals made"),
    "referral.paid": _("Referral credited"),
    "referral.refused": _("Referral not credited"),
    "referral.released": _("Referral let go on"),
    "referral.taken_back": _("Credit of a referral taken back"),
    "referral_terms.approved": _("Terms of referrals approved"),
    "referral_terms.proposed": _("Terms of referrals proposed"),
    "referral_terms.refused": _("Terms of referrals refused"),
    "referral_terms.withdrawn": _("Terms of referrals taken back"),
    "refund.approved": _("Refund approved"),
    "refund.failed": _("Refund failed"),
    "refund.kept": _("Refund kept as credit"),
    "refund.kept_for_transfer": _("Refund left for a transfer"),
    "refund.proposed": _("Refund proposed"),
    "refund.refused": _("Refund refused"),
    "refund.retried": _("Refund tried again"),
    "refund.sent": _("Refund sent"),
    "region.added": _("Region added"),
    "restriction.begun": _("Warned or stopped by the operator"),
    "restriction.ended": _("Warning or stop over by itself"),
    "restriction.lifted": _("Warning or stop lifted"),
    "restriction.planned": _("Warning or stop set for later"),
    "route.added": _("Way to a server added"),
    "route.changed": _("Way to a server changed"),
    "route.promoted": _("Way to a server promoted"),
    "route.removed": _("Way to a server removed"),
    "route.trial_changed": _("Trial of a way to a server changed"),
    "server.added": _("Server added"),
    "server.changed": _("Server changed"),
    "server_change.applied": _("Another way to a server approved"),
    "server_change.proposed": _("Another way to a server proposed"),
    "server_change.refused": _("Another way to a server refused"),
    "server_change.withdrawn": _("Another way to a server taken back"),
    "service.added": _("Service added"),
    "service.disabled": _("Service disabled"),
    "service.edited": _("Service edited"),
    "service.enabled": _("Service enabled"),
    "service_change.applied": _("Service change applied"),
    "service_change.proposed": _("Service change proposed"),
    "service_change.refused": _("Service change refused"),
    "service_change.withdrawn": _("Service change taken back"),
    "sign_up_policy.written": _("Policy for sign-ups written"),
    "signal.acted": _("Sign of abuse acted upon"),
    "signal.dismissed": _("Sign of abuse dismissed"),
    "signal.graver": _("Sign of abuse got graver"),
    "signal.raised": _("Sign of abuse raised"),
    "site.discarded": _("Draft of the site discarded"),
    "site.published": _("Site published"),
    "spend_alarm.set": _("Amounts set from which on spend is worth a look"),
    "staff.appointed": _("Staff appointed"),
    "status_mail.erased": _("Address of status mail forgotten"),
    "support.asked": _("Support asked to read the pages"),
    "support.denied": _("Support not let in"),
    "support.ended": _("Support's reading ended"),
    "support.granted": _("Support let in to read the pages"),
    "support.refused": _("Page refused to the operator's support"),
    "support.viewed": _("Page opened by the operator's support"),
    "surplus.kept": _("Surplus kept"),
    "surplus.taken_back": _("Surplus taken back"),
    "surplus.wish_noted": _("Wish for a surplus noted"),
    "top_up.paused": _("Top up paused"),
    "top_up.rule_set": _("Top up rule set"),
    "trial_terms.approved": _("Terms of trials approved"),
    "trial_terms.proposed": _("Terms of trials proposed"),
    "trial_terms.refused": _("Terms of trials refused"),
    "trial_terms.withdrawn": _("Terms of trials taken back"),
    "tuned_model.deployed": _("Tuned model deployed"),
    "tuned_model.downloaded": _("Tuned model downloaded"),
    "tuned_model.retired": _("Tuned model retired"),
    "tuned_model.undeployed": _("Tuned model stopped"),
    "vouchers.ended": _("Vouchers ended"),
    "vouchers.issued": _("Vouchers issued"),
    "webhook.changed": _("Webhook changed"),
    "webhook.created": _("Webhook created"),
    "webhook.disabled": _("Webhook disabled"),
    "webhook.removed": _("Webhook removed"),
    "webhook.secret_rotated": _("Webhook secret rotated"),
}
ACTORS: dict[str, StrOrPromise] = {
    "person": _("Person"),
    "staff": _("Operator's staff"),
    "key": _("API key"),
    "system": _("The portal itself"),
}
#: What a list says when it is empty: it restricts nothing, or leaves nothing out.
UNRESTRICTED: dict[str, StrOrPromise] = {
    "allowed_jurisdictions": _("unrestricted"),
    "allowed_models": _("unrestricted"),
    "events": pgettext_lazy("events", "all"),
    "ip_ranges": _("unrestricted"),
}
#: What keys and invitations are, which no field of theirs says.
STATES: dict[str, StrOrPromise] = {
    "active": _("Active"),
    "pending": _("Pending"),
    "revoked": _("Revoked"),
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?[+-]\d\d:\d\d$")
SHORT = {"api", "id", "ip", "rpm", "sla", "tpm", "url", "vat"}
DECIMAL = re.compile(r"-?\d+(\.\d+|(\.\d+)?E[+-]?\d+)")


@dataclass(frozen=True, slots=True)
class Change:
    """One field; what is empty was not there."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as people read it."""

    entry: AuditEntry
    action: StrOrPromise
    actor_kind: StrOrPromise
    target_kind: str
    changes: Sequence[Change]


def row(entry: AuditEntry) -> Row:
    """Return the entry in words."""
    return Row(
        entry,
        ACTIONS.get(entry.action) or _sentence(entry.action),
        ACTORS.get(entry.actor_kind, entry.actor_kind),
        _kind(entry.target_kind),
        changes(entry.before, entry.after, of=entry.target_kind),
    )


def changes(
    before: dict[str, Any] | None, after: dict[str, Any] | None, *, of: str = ""
) -> list[Change]:
    """Return the fields that differ, in their order; ``of`` is the model they may be fields of."""
    before, after = before or {}, after or {}
    return [
        _change(_field(of, name), name, before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _change(field: Field[Any, Any] | None, name: str, before: Any, after: Any) -> Change:
    return Change(_name(field, name), _value(field, name, before), _value(field, name, after))


def _field(label: str, name: str) -> Field[Any, Any] | None:
    """Return the field of that name; nothing where an entry tells of something else."""
    try:
        found = apps.get_model(label)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    return found if isinstance(found, Field) else None


def _name(field: Field[Any, Any] | None, name: str) -> str:
    """Return what people call it: as forms do, if somebody gave the field a name for them."""
    if name in FIELDS:
        return str(FIELDS[name])
    if field and field.verbose_name != name.replace("_", " "):
        return capfirst(str(field.verbose_name))
    return _sentence(name)


def _value(field: Field[Any, Any] | None, name: str, value: Any) -> str:
    if value == [] and name in UNRESTRICTED:
        return str(UNRESTRICTED[name])
    each = getattr(field, "base_field", field)
    chosen = dict(each.flatchoices) if each else STATES if name == "state" else {}
    if isinstance(value, list):
        return listed(_said(chosen, it) for it in value) or gettext("none")
    return _said(chosen, value)


def _said(chosen: Mapping[Any, Any], value: Any) -> str:
    """Return the words of what was chosen, or of what was written."""
    is_chosen = isinstance(value, str) and value in chosen
    return str(chosen[value]) if is_chosen else _words(value)


def _sentence(code: str) -> str:
    words = [it.upper() if it in SHORT else it for it in re.split(r"[ _.]+", code.strip())]
    text = " ".join(words)
    return gettext(text[:1].upper() + text[1:])


def _kind(label: str) -> str:
    try:
        return str(KINDS.get(label) or _sentence(str(apps.get_model(label)._meta.verbose_name)))
    except (LookupError, ValueError):
        return label


def _words(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return listed(map(_words, value)) or gettext("none")
    if isinstance(value, dict):
        return "; ".join(f"{_name(None, name)}: {_words(it)}" for name, it in value.items())
    return _text(str(value))


def _text(value: str) -> str:
    if DECIMAL.fullmatch(value):
        return formats.grouped(formats.trimmed(Decimal(value), 0))
    if MOMENT.match(value):
        at = datetime.fromisoformat(value).astimezone(UTC)
        return f"{at:%Y-%m-%d %H:%M} UTC"
    return value
