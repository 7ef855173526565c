"""Members, their roles, invitations, and what was done: the audit log."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from tenants.access import TenantRequest, requires
from tenants.forms import InvitationForm, RoleForm
from tenants.models import GRANTS, Permission, Role, User
from tenants.services import invitations, members

AUDIT_PAGE = 50


def role_matrix() -> list[tuple[Permission, list[bool]]]:
    """Return what each role may do, a row per permission in the roles' order."""
    return [
        (permission, [permission in GRANTS[role] for role in Role]) for permission in Permission
    ]


def _members_page(
    request: TenantRequest, form: InvitationForm | None = None, status: int = 200
) -> HttpResponse:
    organization = request.organization
    context = {
        "memberships": organization.memberships.select_related("user"),
        "invitations": organization.invitations.select_related("invited_by")[:100],
        "form": form or InvitationForm(initial={"role": Role.DEVELOPER}),
        "roles": Role.choices,
        "matrix": role_matrix(),
        "may_manage": request.membership.can(Permission.MEMBERS_MANAGE),
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
def member_invite(request: TenantRequest) -> HttpResponse:
    """Invite an address."""
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _members_page(request, form, status=422)
    try:
        invitations.invite(request.organization, by=request.membership, **form.cleaned_data)
    except DomainError as refusal:
        form.add_error("email", str(refusal.detail))
        return _members_page(request, form, status=422)
    messages.success(
        request, _("Invitation sent to %(email)s.") % {"email": form.cleaned_data["email"]}
    )
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def invitation_revoke(request: TenantRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = get_object_or_404(request.organization.invitations, pk=invitation_id)
    invitations.revoke(invitation, by=request.membership)
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def member_role(request: TenantRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Give a member another role."""
    membership = get_object_or_404(request.organization.memberships, pk=membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the roles in the list."))
        return _members_page(request, status=422)
    members.change_role(membership, role=form.cleaned_data["role"], by=request.membership)
    messages.success(request, _("Role changed."))
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def member_remove(request: TenantRequest, membership_id: uuid.UUID) -> HttpResponse:
    """End another's membership."""
    membership = get_object_or_404(request.organization.memberships, pk=membership_id)
    members.remove(membership, by=request.membership)
    messages.success(request, _("Member removed."))
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


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to the person it was sent to; accepting it makes them a member."""
    assert isinstance(request.user, User)  # noqa: S101 - login_required has seen to it
    found = invitations.find(token)
    if request.method == "POST":
        membership = invitations.accept(token, user=request.user)
        return redirect("portal:dashboard", org=membership.organization.slug)
    fits = found.email == request.user.email.lower()
    return render(request, "tenants/invitation.html", {"invitation": found, "fits": fits})


@require_safe
@requires(Permission.AUDIT_READ)
def audit_log(request: TenantRequest) -> HttpResponse:
    """List what was done in the organization, newest first."""
    entries = request.organization.audit_entries.all()
    if action := request.GET.get("action", "")[:60]:
        entries = entries.filter(action__startswith=action)
    page = Paginator(entries, AUDIT_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "action": action, "nav_section": "audit"}
    return render(request, "tenants/audit_log.html", context)
