"""The ledger, as far as it is the organization's."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from billing import books
from billing.forms import LedgerFilter
from tenants.access import TenantRequest, requires
from tenants.models import Permission


@require_safe
@requires(Permission.BILLING_READ)
def ledger(request: TenantRequest) -> HttpResponse:
    """List what was booked, newest first, with both sides of every operation."""
    form = LedgerFilter(request.GET)
    is_valid = form.is_valid()
    leaf = books.leaf(request.organization, **form.facts()) if is_valid else None
    balance = reverse("billing:overview", args=[request.organization.slug])
    context = {
        "form": form,
        "leaf": leaf,
        "newest_url": _address(form) if form.data.get("before") else "",
        "older_url": _address(form, before=leaf.older) if leaf and leaf.older else "",
        "is_filtered": bool(form.data.get("account")),
        "crumbs": [(_("Balance and bundles"), balance)],
        "nav_section": "billing",
    }
    return render(request, "billing/ledger.html", context, status=200 if is_valid else 422)


def _address(form: LedgerFilter, **more: object) -> str:
    account = form.data.get("account")
    facts = ({"account": account} if account else {}) | more
    return f"?{urlencode(facts)}"
