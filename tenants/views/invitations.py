"""Inviting people, and the page that an invitation's link leads to."""

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from common.errors import DomainError
from tenants.access import TenantRequest, requires
from tenants.errors import InvitationUnusable, OwnersOnly
from tenants.forms import InvitationForm
from tenants.models import Invitation, Permission, User
from tenants.services import invitations


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MEMBERS_MANAGE)
def member_invite(request: TenantRequest) -> HttpResponse:
    """Ask whom to invite in which role, and send the invitation."""
    posted = request.POST if request.method == "POST" else None
    form = InvitationForm(posted, by=request.membership)
    if form.is_valid() and _sent(request, form):
        return redirect("tenants:member-list", org=request.organization.slug)
    members = reverse("tenants:member-list", args=[request.organization.slug])
    context = {"form": form, "crumbs": [(_("Members"), members)], "nav_section": "members"}
    status = 422 if form.is_bound else 200
    return render(request, "tenants/member_invite.html", context, status=status)


def _sent(request: TenantRequest, form: InvitationForm) -> bool:
    facts = form.cleaned_data
    try:
        invitations.invite(request.organization, by=request.membership, **facts)
    except DomainError as refusal:
        field = "role" if isinstance(refusal, OwnersOnly) else "email"
        form.add_error(field, str(refusal.detail))
        return False
    messages.success(request, _("Invitation sent to %(email)s.") % {"email": facts["email"]})
    return True


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def invitation_resend(request: TenantRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Send an invitation's link again."""
    invitation = get_object_or_404(request.organization.invitations, pk=invitation_id)
    try:
        invitations.resend(invitation, by=request.membership)
    except DomainError as refusal:
        messages.warning(request, str(refusal.detail))
    else:
        messages.success(request, _("Invitation sent to %(email)s.") % {"email": invitation})
    return redirect("tenants:member-list", org=request.organization.slug)


@require_POST
@requires(Permission.MEMBERS_MANAGE)
def invitation_revoke(request: TenantRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Take an invitation back."""
    invitation = get_object_or_404(request.organization.invitations, pk=invitation_id)
    invitations.revoke(invitation, by=request.membership)
    messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": invitation})
    return redirect("tenants:member-list", org=request.organization.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a link offers: the way to an account to the unknown, the button to the invited."""
    person = request.user if isinstance(request.user, User) else None
    try:
        found = invitations.find(token)
    except InvitationUnusable as refusal:
        return _unusable(request, token, person, refusal)
    if person is None:
        return _introduced(request, found)
    fits = invitations.is_for(found, person)
    if request.method == "POST" and fits:
        membership = invitations.accept(token, user=person)
        messages.success(
            request, _("Welcome to %(organization)s.") % {"organization": membership.organization}
        )
        return redirect("portal:dashboard", org=membership.organization.slug)
    context = {"invitation": found, "fits": fits}
    return render(request, "tenants/invitation.html", context, status=200 if fits else 403)


def _introduced(request: HttpRequest, found: Invitation) -> HttpResponse:
    # Whoever comes back from signing in or up returns here to accept.
    onward = urlencode({"next": request.path, "email": found.email})
    context = {
        "invitation": found,
        "login_url": f"{reverse('account_login')}?{onward}",
        "signup_url": f"{reverse('account_signup_by_passkey')}?{onward}",
    }
    return render(request, "tenants/invitation.html", context)


def _unusable(
    request: HttpRequest, token: str, person: User | None, refusal: InvitationUnusable
) -> HttpResponse:
    membership = invitations.membership_behind(token, user=person) if person else None
    if membership is not None and request.method == "POST":
        # The second click of two: the first one made them a member.
        return redirect("portal:dashboard", org=membership.organization.slug)
    context = {"membership": membership}
    return render(request, "tenants/invitation_unusable.html", context, status=refusal.status)
