"""The operator's desk: where customers' requests go changes under four eyes."""

import uuid

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.database import service
from common.errors import DomainError
from marketplace import due, server_differences
from marketplace.forms.curation import RefuseForm
from marketplace.models import ServerChange
from marketplace.services import server_changes
from tenants.access import StaffRequest, staff_required, staff_required_outside

SECTION = "staff-servers"


@require_safe
@staff_required
def change_detail(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Show a change beside what holds now, and let a second person decide."""
    return _page(request, _change(change_id))


@require_POST
@staff_required_outside
def change_probe(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Ask as gateways would on the new way, and keep what is found."""
    try:
        due.probe_change(change_id, by=request.user)
    except (DomainError, ServerChange.DoesNotExist) as refusal:
        messages.error(request, _words(refusal))
    else:
        messages.success(request, _("The new way was probed."))
    return redirect("staff:server-change", change_id=change_id)


@require_POST
@staff_required_outside
def change_approve(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Probe the new way once more, and let requests go there if it is well."""
    try:
        due.probe_change(change_id, by=request.user)
        with service():
            server_changes.approve(_change(change_id), by=request.user)
    except (DomainError, ServerChange.DoesNotExist) as refusal:
        messages.error(request, _words(refusal))
    else:
        messages.success(request, _("Requests go there within five seconds."))
    return redirect("staff:server-change", change_id=change_id)


@require_POST
@staff_required
def change_refuse(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close a proposal without effect, and say why."""
    change, form = _change(change_id), RefuseForm(request.POST)
    if not form.is_valid():
        return _page(request, change, form=form, status=422)
    server_changes.refuse(change, by=request.user, answer=form.cleaned_data["answer"])
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:server-change", change_id=change_id)


@require_POST
@staff_required
def change_take_back(request: StaffRequest, change_id: uuid.UUID) -> HttpResponse:
    """Close what nobody has decided on."""
    server_changes.take_back(_change(change_id), by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:server-change", change_id=change_id)


def _words(refusal: Exception) -> str:
    if isinstance(refusal, DomainError):
        return str(refusal.detail)
    return _("This change does not exist any more.")


def _changes() -> QuerySet[ServerChange]:
    return ServerChange.objects.told()


def _change(change_id: uuid.UUID) -> ServerChange:
    return get_object_or_404(_changes(), pk=change_id)


def _page(
    request: StaffRequest,
    change: ServerChange,
    *,
    form: RefuseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "change": change,
        "differences": server_differences.of(change),
        "probed": server_differences.probed(change),
        "trouble": server_changes.in_the_way(change) if change.probed_at else "",
        "refuse_form": form or RefuseForm(),
        "nav_section": SECTION,
    }
    return render(request, "staff/server_change.html", context, status=status)
