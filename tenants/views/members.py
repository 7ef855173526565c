"""Members and their roles."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from tenants import roles
from tenants.access import TenantRequest, requires
from tenants.forms import RoleForm
from tenants.models import Permission, Role
from tenants.queries import members_of
from tenants.services import members

#: Older invitations are in the audit log.
LATEST_INVITATIONS = 50


def _members_page(request: TenantRequest, status: int = 200) -> HttpResponse:
    organization, mine = request.organization, request.membership
    everyone = members_of(organization)
    owners = [it for it in everyone if it.membership.role == Role.OWNER]
    invitations = organization.invitations.select_related("invited_by")
    context = {
        "members": everyone,
        "invitations": invitations[:LATEST_INVITATIONS],
        "table": roles.table(),
        "roles": Role.choices,
        "offered_roles": roles.offered(mine),
        "is_last_owner": mine.role == Role.OWNER and len(owners) == 1,
        "may_manage": mine.can(Permission.MEMBERS_MANAGE),
        "may_manage_owners": mine.can(Permission.OWNERS_MANAGE),
        "nav_section": "members",
    }
    return render(request, "tenants/member_list.html", context, status=status)


@require_safe
@requires(Permission.MEMBERS_READ)
def member_list(request: TenantRequest) -> HttpResponse:
    """List members, invitations and what each role may do."""
    return _members_page(request)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def member_role(request: TenantRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Give a member another role."""
    membership = get_object_or_404(request.organization.memberships, pk=membership_id)
    form = RoleForm(request.POST, by=request.membership)
    if not form.is_valid():
        messages.error(request, _("Choose one of the roles in the list."))
        return _members_page(request, status=422)
    try:
        members.change_role(membership, role=form.cleaned_data["role"], by=request.membership)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return _members_page(request, status=refusal.status)
    messages.success(request, _("Role changed."))
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def member_remove(request: TenantRequest, membership_id: uuid.UUID) -> HttpResponse:
    """End another's membership."""
    membership = get_object_or_404(request.organization.memberships, pk=membership_id)
    try:
        members.remove(membership, by=request.membership)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return _members_page(request, status=refusal.status)
    messages.success(request, _("%(person)s was removed.") % {"person": membership.user})
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.DASHBOARD_READ)
def leave(request: TenantRequest) -> HttpResponse:
    """End one's own membership."""
    members.remove(request.membership, by=request.membership)
    messages.success(
        request, _("You have left %(organization)s.") % {"organization": request.organization}
    )
    return redirect("tenants:organization-list")
