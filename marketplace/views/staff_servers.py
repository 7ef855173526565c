"""The operator's desk: servers and regions."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.database import service
from common.errors import DomainError
from common.languages import listed
from marketplace import desk, due, presets, probe, vitals
from marketplace.forms.servers import EditServerForm, NewServerForm, RegionForm
from marketplace.models import ServerChange, Upstream
from marketplace.services import server_changes, upstreams
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required, staff_required_outside
from tenants.models import Region

SECTION = "staff-servers"


@require_safe
@staff_required
def server_list(request: StaffRequest) -> HttpResponse:
    """List the servers and the regions they stand in."""
    context = {
        "servers": desk.servers(),
        "regions": Region.objects.all(),
        "changes": ServerChange.objects.waiting().told(),
        "nav_section": SECTION,
    }
    return render(request, "staff/server_list.html", context)


def _next(request: StaffRequest, otherwise: str) -> str:
    """Return where the person came from, if that is a page of ours."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_ours else reverse(otherwise)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def server_create(request: StaffRequest) -> HttpResponse:
    """Add a server that models can be routed to."""
    form = NewServerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            upstreams.add(form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The server is added."))
            return redirect(_next(request, "staff:server-list"))
    context = {
        "form": form,
        "has_regions": Region.objects.exists(),
        "presets": presets.table(),
        "settings": presets.SETTINGS.values(),
        "back": _next(request, "staff:server-list"),
        "nav_section": SECTION,
    }
    return render(request, "staff/server_form.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def server_edit(request: StaffRequest, server_id: uuid.UUID) -> HttpResponse:
    """Change how a server is reached, or switch it off."""
    server = get_object_or_404(Upstream.objects.select_related("region"), pk=server_id)
    present = {name: getattr(server, name) for name in upstreams.CHANGEABLE}
    form = EditServerForm(request.POST or None, initial=present, server=server)
    if request.method == "POST" and form.is_valid():
        facts = dict(form.cleaned_data)
        forget = facts.pop("forget_credential")
        try:
            change = server_changes.change(server, facts, by=request.user, forget_credential=forget)
        except DomainError as refusal:
            messages.error(request, str(refusal.detail))
            return redirect("staff:server-edit", server_id=server_id)
        if change is None:
            messages.success(request, _("The server is saved."))
        else:
            messages.info(request, _("Where requests go waits for the approval of a colleague."))
        if kept := list(form.kept()):
            words = _("Kept as edited, not as the new preset says: %(names)s.")
            messages.info(request, words % {"names": listed(kept)})
        if change is not None:
            return redirect("staff:server-change", change_id=change.pk)
        return redirect("staff:server-edit", server_id=server_id)
    context = {
        "form": form,
        "server": server,
        "routes": server.routes.select_related("offer"),
        "changes": server.changes.waiting().told(),
        "looks": vitals.looks_at(server),
        "present": presets.shown(server),
        "presets": presets.table(),
        "settings": presets.SETTINGS.values(),
        "back": reverse("staff:server-list"),
        "nav_section": SECTION,
    }
    return render(request, "staff/server_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_required_outside
def server_check(request: StaffRequest, server_id: uuid.UUID) -> HttpResponse:
    """Ask a server what it serves, and keep what it said."""
    with service():
        server = get_object_or_404(Upstream, pk=server_id)
        upstreams.begin_looks([server])
    finding = probe.look(server)
    with service():
        server = upstreams.note(server, finding)
    if not server.is_in_trouble:
        due.probe_server(server)
    facts = {"server": server.name, "answer": server.get_reachability_display()}
    if server.is_in_trouble:
        messages.error(request, _("“%(server)s” %(answer)s.") % facts)
    else:
        messages.success(request, _("“%(server)s” %(answer)s.") % facts)
    return redirect("staff:server-edit", server_id=server_id)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def region_create(request: StaffRequest) -> HttpResponse:
    """Add a place where the operator computes."""
    form = RegionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            upstreams.add_region(form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The region is added."))
            return redirect(_next(request, "staff:server-list"))
    context = {
        "form": form,
        "back": _next(request, "staff:server-list"),
        "nav_section": SECTION,
    }
    return render(request, "staff/region_form.html", context, status=422 if form.is_bound else 200)
