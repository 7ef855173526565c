"""What the organization used: the page, its file, and the receipt of one request.

What a request cost follows from public prices, so whoever may read usage reads it; which credit
paid is for those who may read billing.
"""

from django.http import (
    Http404,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import reswap, retarget

from billing import proofs
from common import streams
from common.htmx import render_page
from metering import queries as metering
from portal.usage import export, receipts, report
from portal.usage.filters import UsageFilter
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope

TEMPLATE = "portal/usage.html"


@require_safe
@requires(Permission.USAGE_READ)
def usage(request: TenantRequest) -> HttpResponse:
    """Show the sums and requests asked for; a page that is open asks every few seconds for news."""
    asked = UsageFilter(request.organization, request.GET)
    if not asked.is_valid():
        return _refused(request, asked)
    if request.htmx and request.GET.get("seen") == metering.newest(request.organization):
        return _unchanged(request, asked)
    found = report.build(asked, before=asked.cleaned_data["before"])
    if not request.htmx:
        asked.offer_models()
    context = {"asked": asked, "report": found, "as_of": found.as_of, "nav_section": "usage"}
    return render_page(request, TEMPLATE, context, partial="usage-report")


@require_safe
@requires(Permission.USAGE_READ, scoped=False)
def usage_csv(request: TenantRequest) -> HttpResponseBase:
    """Download what the same filters show, piece by piece, however much it is."""
    with scope(request.organization):
        asked = UsageFilter(request.organization, request.GET)
        if not asked.is_valid():
            return _refused(request, asked)
    return StreamingHttpResponse(
        streams.served(request, export.chunks(asked)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{export.file_name(asked)}"'},
    )


@require_safe
@requires(Permission.USAGE_READ)
def usage_request(request: TenantRequest, request_id: str) -> HttpResponse:
    """Show the receipt of one request."""
    event = metering.request_named(request.organization, request_id)
    if event is None:
        raise Http404
    context = {
        "receipt": receipts.of(event),
        "may_read_billing": request.membership.can(Permission.BILLING_READ),
        "nav_section": "usage",
    }
    return render(request, "portal/usage_request.html", context)


@require_safe
@requires(Permission.USAGE_READ)
def usage_proof(request: TenantRequest, request_id: str) -> HttpResponse:
    """Download what proves a receipt, for ``verify/receipt.py`` and the like."""
    event = metering.request_named(request.organization, request_id)
    proof = proofs.of(event) if event else None
    if proof is None:
        raise Http404
    named = {"Content-Disposition": 'attachment; filename="receipt.json"'}
    return JsonResponse({"request_id": request_id, "proof": proof}, headers=named)


def _refused(request: TenantRequest, asked: UsageFilter) -> HttpResponse:
    return render(request, TEMPLATE, {"asked": asked, "nav_section": "usage"}, status=422)


def _unchanged(request: TenantRequest, asked: UsageFilter) -> HttpResponse:
    """Answer that nothing came since; only the time as of which this holds moves on."""
    context = {"asked": asked, "as_of": timezone.now()}
    response = render(request, f"{TEMPLATE}#usage-stamp", context)
    return reswap(retarget(response, "#usage-stamp"), "outerHTML")
