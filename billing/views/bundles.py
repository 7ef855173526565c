"""Buying a bundle: choose, pay at the provider's page, wait for the ledger."""

import contextlib
import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing import groups, shop
from billing.forms import OrderForm
from billing.models import Order
from billing.payments.errors import PaymentUnavailable
from billing.services import orders, transfers
from common.htmx import render_page
from tenants.access import TenantRequest, requires
from tenants.models import Organization, Permission
from tenants.scope import scope

POLLING_STOPS = 286


@require_safe
@requires(Permission.BILLING_READ)
def overview(request: TenantRequest) -> HttpResponse:
    """Show the balance, what credit there is and the latest orders."""
    context = {
        "credit": shop.credit(request.organization),
        "orders": shop.orders(request.organization),
        "may_buy": request.membership.can(Permission.BILLING_MANAGE),
        "can_hand_over": groups.is_in_group(request.organization),
        "nav_section": "billing",
    }
    return render(request, "billing/overview.html", context)


@require_safe
@requires(Permission.BILLING_READ)
def bundle_list(request: TenantRequest) -> HttpResponse:
    """List the bundles with their price before and after tax.

    Who comes back from the payment page without having paid is told so.
    """
    left = shop.order(request.organization, request.GET.get("canceled", ""))
    return _bundles_page(request, left=left)


def _bundles_page(
    request: TenantRequest,
    *,
    left: Order | None = None,
    form: OrderForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "bundles": shop.bundles(request.organization),
        "left": left,
        "takes_transfers": shop.takes_transfers(request.organization),
        "form": form,
        "may_buy": request.membership.can(Permission.BILLING_MANAGE) and not _is_suspended(request),
        "is_suspended": _is_suspended(request),
        "crumbs": _crumbs(request),
        "nav_section": "billing",
    }
    return render(request, "billing/bundle_list.html", context, status=status)


@require_POST
@requires(Permission.BILLING_MANAGE, scoped=False)
def checkout_start(request: TenantRequest) -> HttpResponse:
    """Place the order and lead to its payment page; a second click leads to the same one."""
    form = OrderForm(request.POST)
    if not form.is_valid():
        with scope(request.organization):
            return _bundles_page(request, form=form, status=422)
    begin = transfers.place if form.cleaned_data["way"] == "transfer" else orders.start
    order = begin(
        request.organization,
        shop.bundle(form.cleaned_data["bundle"]),
        by=request.user,
        operation_key=str(form.cleaned_data["operation_key"]),
    )
    if order.status != Order.Status.PENDING or not order.checkout_url:
        return redirect("billing:checkout-return", org=request.organization.slug, order_id=order.pk)
    return redirect(order.checkout_url)


@require_safe
@never_cache
@requires(Permission.BILLING_READ, scoped=False)
def checkout_return(request: TenantRequest, order_id: uuid.UUID) -> HttpResponse:
    """Wait for the order to be paid and its credit to stand in the ledger."""
    order = orders.get(request.organization, order_id)
    # Where the provider cannot be asked, the webhook will tell us; the page goes on asking.
    with contextlib.suppress(PaymentUnavailable):
        order = orders.refresh(order)
    context = {
        "order": order,
        "purchase": shop.purchase(request.organization, order),
        "transfer": shop.transfer(request.organization, order),
        "may_buy": request.membership.can(Permission.BILLING_MANAGE),
        "crumbs": _crumbs(request),
        "nav_section": "billing",
    }
    is_over = bool(request.htmx) and order.status != Order.Status.PENDING
    return render_page(
        request,
        "billing/checkout_return.html",
        context,
        partial="order-state",
        status=POLLING_STOPS if is_over else 200,
    )


def _is_suspended(request: TenantRequest) -> bool:
    return request.organization.status == Organization.Status.SUSPENDED


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    balance = reverse("billing:overview", args=[request.organization.slug])
    return [(_("Balance and bundles"), balance)]
