"""Alerts, saved payment methods and automatic top-up."""

import contextlib
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.automatic_forms import AlertForm, RuleForm
from billing.models import BalanceWatch, PaymentMethod, TopUpRule
from billing.payments.errors import PaymentUnavailable
from billing.services import methods, orders, top_ups, watching
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope

SECTION = "billing"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_READ, scoped=False)
def automatic(request: TenantRequest) -> HttpResponse:
    """Show alerts, methods and the rule; whoever may changes one of the two forms here."""
    may_manage = request.membership.can(Permission.BILLING_MANAGE)
    if request.GET.get("saved"):
        # Where the provider cannot be asked, its webhook will tell us.
        with contextlib.suppress(PaymentUnavailable):
            methods.sync(request.organization)
    with scope(request.organization):
        posted = request.POST if request.method == "POST" and may_manage else None
        forms = _forms(request, posted)
        if posted is not None and _saved(request, *forms):
            return redirect("billing:automatic", org=request.organization.slug)
        return _page(request, *forms, may_manage=may_manage)


def _forms(request: TenantRequest, posted: Any) -> tuple[AlertForm, RuleForm]:
    is_rule = posted is not None and "rule" in posted
    watch = BalanceWatch.objects.filter(organization=request.organization).first()
    rule = TopUpRule.objects.filter(organization=request.organization).first()
    alert = AlertForm(
        None if is_rule else posted,
        initial={"alert_below": _plain(watch.below) if watch and watch.below else None},
    )
    initial = (
        {
            "is_on": rule.is_on,
            "below": _plain(rule.below),
            "bundle": rule.bundle_id,
            "monthly_cap": _plain(rule.monthly_cap),
        }
        if rule
        else None
    )
    form = RuleForm(posted if is_rule else None, initial=initial, organization=request.organization)
    return alert, form


def _plain(amount: Any) -> str:
    return f"{amount.normalize():f}"


def _saved(request: TenantRequest, alert: AlertForm, rule: RuleForm) -> bool:
    if alert.is_valid():
        watching.set_level(request.organization, alert.cleaned_data["alert_below"], by=request.user)
        messages.success(request, _("The alert is saved."))
        return True
    if not rule.is_valid():
        return False
    if rule.cleaned_data["is_on"] and methods.default(request.organization) is None:
        rule.add_error("is_on", _("Save a payment method first: it is what will be charged."))
        return False
    top_ups.set_rule(request.organization, by=request.user, **rule.cleaned_data)
    messages.success(request, _("Automatic top-up is saved."))
    return True


def _page(
    request: TenantRequest, alert: AlertForm, rule: RuleForm, *, may_manage: bool
) -> HttpResponse:
    context = {
        "alert": alert,
        "form": rule,
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
    status = 422 if alert.is_bound or rule.is_bound else 200
    return render(request, "billing/automatic.html", context, status=status)


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
