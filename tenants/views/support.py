"""What a customer decides about the operator's support reading their pages."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tenants import supporting
from tenants.access import TenantRequest, requires
from tenants.models import Permission, SupportAccess
from tenants.scope import scope
from tenants.services import support

SHOWN = 50
MOVES = {"grant": support.grant, "refuse": support.refuse, "end": support.end}


@require_safe
@requires(Permission.SETTINGS_READ)
def support_list(request: TenantRequest) -> HttpResponse:
    """Show who of the operator's staff asked to read the pages, who was let in, and who decides."""
    found = request.organization.support_accesses.select_related("supporter", "decided_by")
    context = {
        "waiting": found.waiting().filter(way=SupportAccess.Way.INVITED),
        "open": found.open(),
        "past": found[:SHOWN],
        "may_decide": request.membership.can(Permission.SETTINGS_MANAGE),
        "pages": len(supporting.PAGES),
        "nav_section": "support",
    }
    return render(request, "tenants/support.html", context)


@require_POST
@requires(Permission.SETTINGS_MANAGE, scoped=False)
def support_decide(request: TenantRequest, access_id: uuid.UUID, act: str) -> HttpResponse:
    """Let a supporter in, refuse, or end what is open; the latter holds from their next page on."""
    with scope(request.organization):
        access = get_object_or_404(request.organization.support_accesses, pk=access_id)
    MOVES[act](access, by=request.user)
    said = {
        "grant": _("They are let in, and out again by themselves."),
        "refuse": _("They are not let in."),
        "end": _("It is ended."),
    }
    messages.success(request, said[act])
    return redirect("tenants:support", org=request.organization.slug)


@require_POST
@requires(Permission.SETTINGS_MANAGE, scoped=False)
def support_switch(request: TenantRequest) -> HttpResponse:
    """Let support ask, or let it read nothing at all."""
    is_allowed = request.POST.get("allowed") == "yes"
    support.switch(request.organization, is_allowed=is_allowed, by=request.user)
    said = _("Support may ask again.") if is_allowed else _("Support reads nothing from now on.")
    messages.success(request, said)
    return redirect("tenants:support", org=request.organization.slug)
