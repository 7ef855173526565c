"""Announcements: staff make them and take them back, readers put them away."""

import uuid

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.database import service
from common.errors import DomainError
from front.forms.announcements import AnnouncementForm
from front.models import Announcement
from front.services import announcements
from front.views.staff_incidents import show_refusal
from tenants.access import StaffRequest, staff_required
from tenants.models import User

SECTION = "staff-announcements"
PAGE_SIZE = 50
#: What a browser remembers to have put away, and for how long.
COOKIE, MOST, YEAR = "put_away", 20, 365 * 86_400


@require_safe
@staff_required
def announcement_list(request: StaffRequest) -> HttpResponse:
    """List what is announced, what will be and what was."""
    found = Announcement.objects.select_related("written_by")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "nav_section": SECTION}
    return render(request, "staff/announcement_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def announcement_create(request: StaffRequest) -> HttpResponse:
    """Announce something."""
    form = AnnouncementForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            announcements.announce(**form.facts(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("Pages show it within five seconds."))
            return redirect("staff:announcement-list")
    context = {"form": form, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/announcement_form.html", context, status=status)


@require_POST
@staff_required
def announcement_withdraw(request: StaffRequest, announcement_id: uuid.UUID) -> HttpResponse:
    """Show it no more."""
    found = get_object_or_404(Announcement, pk=announcement_id)
    announcements.withdraw(found, by=request.user)
    messages.success(request, _("Pages show it no more."))
    return redirect("staff:announcement-list")


@require_POST
def dismiss(request: HttpRequest, announcement_id: uuid.UUID) -> HttpResponse:
    """Put an announcement away, for this person and in this browser, and go back."""
    with service():
        found = get_object_or_404(
            Announcement.objects.filter(is_dismissible=True), pk=announcement_id
        )
        if isinstance(request.user, User):
            announcements.dismiss(found, by=request.user)
    onward = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(onward, {request.get_host()})
    response = redirect(onward if is_ours else "/")
    kept = [it for it in remembered(request) if it != str(found.pk)][: MOST - 1]
    response.set_cookie(
        COOKIE,
        ".".join([str(found.pk), *kept]),
        max_age=YEAR,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def remembered(request: HttpRequest) -> list[str]:
    """Return the ids of what this browser has put away, the newest first."""
    return [it for it in request.COOKIES.get(COOKIE, "").split(".") if it][:MOST]
