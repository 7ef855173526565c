"""Choosing, founding and describing an organization."""

import copy

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.errors import DomainError, Forbidden
from common.htmx import render_page
from tenants.access import LAST_ORGANIZATION, TenantRequest, requires
from tenants.errors import SlugTaken, TimeZoneFixed
from tenants.forms import OrganizationForm, OrganizationSettingsForm
from tenants.models import Permission, Role, User
from tenants.queries import belongings_of, memberships_of
from tenants.services import organizations, sign_ups

#: What the link that led here ended in, until an organization is founded.
REFERRAL_COOKIE = "referral"


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - login_required has seen to it
    return request.user


@require_safe
@login_required
def organization_list(request: HttpRequest) -> HttpResponse:
    """Show the person's organizations; go straight on to the last one used, or the only one."""
    memberships = memberships_of(_person(request))
    if not memberships:
        staff = _person(request).is_staff
        return redirect("staff:overview" if staff else "tenants:organization-create")
    slugs = [it.organization.slug for it in memberships]
    last = request.session.get(LAST_ORGANIZATION)
    if "all" not in request.GET and (len(slugs) == 1 or last in slugs):
        return redirect("portal:dashboard", org=last if last in slugs else slugs[0])
    context = {"belongings": belongings_of(memberships)}
    return render_page(
        request, "tenants/organization_list.html", context, partial="organization-switcher"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def organization_create(request: HttpRequest) -> HttpResponse:
    """Found an organization; its founder owns it, and may have to wait for the operator."""
    person, policy = _person(request), sign_ups.policy()
    is_looked_at = policy.way == policy.Way.APPROVAL and not sign_ups.is_welcome(
        policy, person.email
    )
    posted = request.POST if request.method == "POST" else None
    form = OrganizationForm(posted, is_looked_at=is_looked_at)
    try:
        sign_ups.check_address(policy, person.email)
    except DomainError as refusal:
        context = {"refusal": refusal.detail}
        return render(request, "tenants/organization_closed.html", context, status=403)
    if form.is_valid():
        try:
            organization = organizations.found(
                owner=person,
                referral=request.COOKIES.get(REFERRAL_COOKIE, ""),
                **form.cleaned_data,
            )
        except SlugTaken as refusal:
            form.add_error("slug", str(refusal.detail))
        except Forbidden as refusal:
            form.add_error(None, str(refusal.detail))
        else:
            answer = redirect("portal:onboarding", org=organization.slug)
            answer.delete_cookie(REFERRAL_COOKIE)
            return answer
    status = 422 if form.is_bound else 200
    return render(request, "tenants/organization_create.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS_READ)
def settings(request: TenantRequest) -> HttpResponse:
    """Show what the organization says of itself; those who may, change it."""
    organization = request.organization
    may_change = request.membership.can(Permission.SETTINGS_MANAGE)
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    posted = request.POST if request.method == "POST" else None
    form = OrganizationSettingsForm(posted, instance=copy.copy(organization))
    if form.is_valid() and _changed(request, form):
        return redirect("tenants:settings", org=organization.slug)
    owners = organization.memberships.owners()
    context = {
        "form": form,
        "may_change": may_change,
        "is_last_owner": request.membership.role == Role.OWNER and owners.count() == 1,
        "nav_section": "settings",
    }
    return render(request, "tenants/settings.html", context, status=422 if form.is_bound else 200)


def _changed(request: TenantRequest, form: OrganizationSettingsForm) -> bool:
    try:
        organizations.change(request.organization, by=request.user, **form.cleaned_data)
    except TimeZoneFixed as refusal:
        form.add_error("time_zone", str(refusal.detail))
        return False
    messages.success(request, _("Settings saved."))
    return True
