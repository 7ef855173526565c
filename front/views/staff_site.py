"""The operator's desk: how the site looks, before and after everybody sees it."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from common import languages
from common.errors import DomainError
from front import colours, face
from front.forms.site import PICTURES, SiteForm
from front.models import SiteVersion
from front.services import pictures, site
from tenants.access import StaffRequest, staff_required

SECTION = "staff-site"
PAGE_SIZE = 20


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def site_edit(request: StaffRequest) -> HttpResponse:
    """Show the draft, or what is live, as a form; what is sent becomes the draft."""
    version, shown = _worked_on(), _shown(request)
    if request.method != "POST":
        return _page(request, SiteForm(version=version, shown=shown))
    form = SiteForm(request.POST, request.FILES, version=version, shown=shown)
    if not form.is_valid():
        return _page(request, form, status=422)
    facts = form.facts() | _uploaded(form, request)
    if form.errors:
        return _page(request, form, status=422)
    site.draft(facts, by=request.user)
    messages.success(request, _("The draft is kept. Look at it, then publish it."))
    return redirect(f"{reverse('staff:site')}?{urlencode({'language': shown})}")


def _shown(request: StaffRequest) -> str:
    """Return the language whose texts are open: it stands in the address."""
    asked = request.GET.get("language", "")
    return asked if asked in languages.codes() else settings.LANGUAGE_CODE


def _worked_on() -> SiteVersion | None:
    versions = SiteVersion.objects.pictured()
    return versions.drafts().first() or versions.live().first()


def _uploaded(form: SiteForm, request: StaffRequest) -> dict[str, Any]:
    found = {}
    for name in PICTURES:
        if file := form.cleaned_data[name]:
            try:
                found[name] = pictures.keep(file.read(pictures.LARGEST + 1), by=request.user)
            except DomainError as refusal:
                form.add_error(name, str(refusal.detail))
    return found


def _page(request: StaffRequest, form: SiteForm, status: int = 200) -> HttpResponse:
    versions = SiteVersion.objects.pictured().select_related("published_by", "written_by")
    draft = versions.drafts().first()
    accent = face.of(draft or versions.live().first()).accent
    context = {
        "form": form,
        "draft": draft,
        "page": Paginator(versions.published(), PAGE_SIZE).get_page(request.GET.get("page")),
        "shades": colours.shades(accent),
        "languages": [(it, languages.own_name(it)) for it in languages.codes()],
        "nav_section": SECTION,
    }
    return render(request, "staff/site.html", context, status=status)


@require_POST
@staff_required
def site_publish(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Show the draft to everybody."""
    site.publish(get_object_or_404(SiteVersion, pk=version_id), by=request.user)
    messages.success(request, _("It is live: every page shows it within five seconds."))
    return redirect("staff:site")


@require_POST
@staff_required
def site_discard(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Throw the draft away."""
    site.discard(get_object_or_404(SiteVersion.objects.drafts(), pk=version_id), by=request.user)
    messages.success(request, _("The draft is gone; nothing has changed for customers."))
    return redirect("staff:site")


@require_POST
@staff_required
def site_restore(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Make an earlier version the draft."""
    past = get_object_or_404(SiteVersion.objects.published(), pk=version_id)
    site.restore(past, by=request.user)
    messages.success(request, _("It is the draft now. Look at it, then publish it."))
    return redirect("staff:site")
