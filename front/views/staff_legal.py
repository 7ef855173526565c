"""The operator's desk: legal pages, their versions, and the second person's decision."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from front import legal, markdown
from front.forms.legal import LegalForm, RefuseForm
from front.models import LegalKind, LegalText
from front.services import legal as service
from front.views.staff_incidents import show_refusal
from tenants.access import StaffRequest, staff_required

SECTION = "staff-legal"


@require_safe
@staff_required
def legal_list(request: StaffRequest) -> HttpResponse:
    """List the pages with the version that holds, and every version there was."""
    texts = LegalText.objects.select_related("proposed_by", "decided_by")
    holding = legal.in_force()
    context = {
        "pages": [(kind, holding.get(kind)) for kind in LegalKind],
        "waiting": [it for it in texts if it.is_proposed],
        "versions": [it for it in texts if not it.is_proposed],
        "nav_section": SECTION,
    }
    return render(request, "staff/legal_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def legal_propose(request: StaffRequest, kind: str) -> HttpResponse:
    """Write a version of a page, beginning with the newest."""
    if kind not in LegalKind:
        raise Http404
    page = LegalKind(kind)
    former = LegalText.objects.published().filter(kind=page).first()
    form = LegalForm(request.POST or None, former=former)
    if request.method == "POST" and form.is_valid():
        try:
            text = service.propose(page, by=request.user, **form.facts())
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("It is proposed. A colleague decides."))
            return redirect("staff:legal-detail", text_id=text.pk)
    context = {"form": form, "kind": page, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/legal_form.html", context, status=status)


@require_safe
@staff_required
def legal_detail(request: StaffRequest, text_id: uuid.UUID) -> HttpResponse:
    """Show a version as readers see it, and let a second person decide."""
    texts = LegalText.objects.select_related("proposed_by", "decided_by")
    return render(request, "staff/legal_detail.html", _detail(get_object_or_404(texts, pk=text_id)))


def _detail(text: LegalText, **facts: Any) -> dict[str, Any]:
    return {
        "text": text,
        "readings": [(code, markdown.html(words)) for code, words in text.texts.items()],
        "language": get_language(),
        "refuse_form": RefuseForm(),
        "nav_section": SECTION,
        **facts,
    }


@require_POST
@staff_required
def legal_approve(request: StaffRequest, text_id: uuid.UUID) -> HttpResponse:
    """Let a version hold from its day on."""
    text = service.approve(get_object_or_404(LegalText, pk=text_id), by=request.user)
    messages.success(request, _("It is approved, and holds from its day on."))
    return redirect("staff:legal-detail", text_id=text.pk)


@require_POST
@staff_required
def legal_refuse(request: StaffRequest, text_id: uuid.UUID) -> HttpResponse:
    """Close a proposal, and say why."""
    text = get_object_or_404(LegalText, pk=text_id)
    form = RefuseForm(request.POST)
    if not form.is_valid():
        context = _detail(text, refuse_form=form)
        return render(request, "staff/legal_detail.html", context, status=422)
    service.refuse(text, by=request.user, answer=form.cleaned_data["answer"])
    messages.success(request, _("It is refused; nothing has changed."))
    return redirect("staff:legal-detail", text_id=text.pk)


@require_POST
@staff_required
def legal_take_back(request: StaffRequest, text_id: uuid.UUID) -> HttpResponse:
    """Close a proposal that nobody decided on."""
    service.take_back(get_object_or_404(LegalText, pk=text_id), by=request.user)
    messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:legal-list")
