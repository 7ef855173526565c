"""Alerts, saved payment methods, and what is paid with them while nobody is there."""

import contextlib
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.automatic_forms import AlertForm, PayingForm, RuleForm
from billing.models import BalanceWatch, PaymentChoice, PaymentMethod, TopUpRule
from billing.payments.errors import PaymentUnavailable
from billing.services import collecting, methods, orders, top_ups, watching
from common.errors import Conflict
from tenants.access import TenantRequest, requires
from tenants.errors import NothingNew
from tenants.models import Permission
from tenants.scope import scope

SECTION = "billing"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_READ, scoped=False)
def automatic(request: TenantRequest) -> HttpResponse:
    """Show alerts, methods and the rule; whoever may changes one of the forms here."""
    may_manage = request.membership.can(Permission.BILLING_MANAGE)
    if request.GET.get("saved"):
        # Where the provider cannot be asked, its webhook will tell us.
        with contextlib.suppress(PaymentUnavailable):
            methods.sync(request.organization)
    with scope(request.organization):
        posted = request.POST if request.method == "POST" and may_manage else None
        forms = _forms(request, posted)
        if posted is not None and _saved(request, forms):
            return redirect("billing:automatic", org=request.organization.slug)
        return _page(request, forms, may_manage=may_manage)


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of the page; the one that was sent is bound."""

    paying: PayingForm
    alert: AlertForm
    rule: RuleForm


def _forms(request: TenantRequest, posted: Any) -> Forms:
    sent = next((name for name in ("rule", "paying") if name in (posted or ())), "alert")
    organization = request.organization
    watch = BalanceWatch.objects.filter(organization=organization).first()
    rule = TopUpRule.objects.filter(organization=organization).first()
    choice = PaymentChoice.objects.filter(organization=organization).first()
    below = _plain(watch.below) if watch and watch.below else None
    return Forms(
        paying=PayingForm(
            posted if sent == "paying" else None,
            initial={"is_automatic": choice is not None and choice.is_automatic},
        ),
        alert=AlertForm(
            posted if sent == "alert" else None,
            initial={"alert_below": below},
            currency=organization.currency,
        ),
        rule=RuleForm(
            posted if sent == "rule" else None,
            initial=_terms(rule) if rule else None,
            organization=organization,
        ),
    )


def _terms(rule: TopUpRule) -> dict[str, Any]:
    return {
        "is_on": rule.is_on,
        "below": _plain(rule.below),
        "bundle": rule.bundle_id,
        "monthly_cap": _plain(rule.monthly_cap),
    }


def _plain(amount: Any) -> str:
    return f"{amount.normalize():f}"


def _saved(request: TenantRequest, forms: Forms) -> bool:
    """Whether the form that was sent could be saved."""
    if forms.paying.is_valid():
        return _is_paid_so(request, forms.paying)
    if forms.alert.is_valid():
        level = forms.alert.cleaned_data["alert_below"]
        watching.set_level(request.organization, level, by=request.user)
        messages.success(request, _("The alert is saved."))
        return True
    rule = forms.rule
    if not rule.is_valid():
        return False
    if rule.cleaned_data["is_on"] and methods.default(request.organization) is None:
        rule.add_error("is_on", _("Save a payment method first: it is what will be charged."))
        return False
    try:
        top_ups.set_rule(request.organization, by=request.user, **rule.cleaned_data)
    except NothingNew as refusal:
        rule.add_error("is_on", str(refusal.detail))
        return False
    messages.success(request, _("Automatic top-up is saved."))
    return True


def _is_paid_so(request: TenantRequest, form: PayingForm) -> bool:
    is_automatic = form.cleaned_data["is_automatic"]
    try:
        collecting.choose(request.organization, is_automatic=is_automatic, by=request.user)
    except Conflict as refusal:
        form.add_error("is_automatic", str(refusal.detail))
        return False
    messages.success(request, _("How invoices are paid is saved."))
    return True


def _page(request: TenantRequest, forms: Forms, *, may_manage: bool) -> HttpResponse:
    bound = (forms.paying.is_bound, forms.alert.is_bound, forms.rule.is_bound)
    context = {
        "paying": forms.paying,
        "alert": forms.alert,
        "form": forms.rule,
        "agreed": collecting.agreed(request.organization, timezone.now()),
        "rule": TopUpRule.objects.filter(organization=request.organization).first(),
        "methods": PaymentMethod.objects.present().filter(organization=request.organization),
        "forecast": watching.forecast(request.organization),
        "may_manage": may_manage,
        "crumbs": [
            (
                _("Balance and bundles"),
                reverse("billing:overview", args=[request.organization.slug]),
            )
        ],
        "nav_section": SECTION,
    }
    return render(request, "billing/automatic.html", context, status=422 if any(bound) else 200)


@require_POST
@requires(Permission.BILLING_MANAGE, scoped=False)
def method_add(request: TenantRequest) -> HttpResponse:
    """Lead to the provider's page that saves a card or an account."""
    return redirect(methods.open_page(request.organization, by=request.user))


@require_POST
@requires(Permission.BILLING_MANAGE, scoped=False)
def method_choose(request: TenantRequest, method_id: uuid.UUID) -> HttpResponse:
    """Charge this method from now on."""
    methods.choose(_method(request, method_id), by=request.user)
    messages.success(request, _("This payment method is charged from now on."))
    return redirect("billing:automatic", org=request.organization.slug)


@require_POST
@requires(Permission.BILLING_MANAGE, scoped=False)
def method_forget(request: TenantRequest, method_id: uuid.UUID) -> HttpResponse:
    """Forget a saved method."""
    methods.forget(request.organization, _method(request, method_id), by=request.user)
    messages.success(request, _("The payment method is removed."))
    return redirect("billing:automatic", org=request.organization.slug)


@require_safe
@requires(Permission.BILLING_MANAGE, scoped=False)
def order_recover(request: TenantRequest, order_id: uuid.UUID) -> HttpResponse:
    """Lead to the page on which the payer answers the bank's question."""
    order = orders.get(request.organization, order_id)
    return redirect(orders.recover(order, by=request.user))


def _method(request: TenantRequest, method_id: uuid.UUID) -> PaymentMethod:
    with scope(request.organization):
        mine = PaymentMethod.objects.present().filter(organization=request.organization)
        return get_object_or_404(mine.select_related("organization"), pk=method_id)
