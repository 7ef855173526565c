"""What a customer does before it calls a model that asks for terms or approval."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from marketplace import access, cards, showcase
from marketplace.forms.access import AskForm
from marketplace.models import AIModel
from marketplace.services import access as services
from tenants.access import TenantRequest, requires
from tenants.models import Permission


def _model(request: TenantRequest, slug: str) -> AIModel:
    seen = showcase.models_seen_by(request.organization).filter(owner=None)
    model = seen.select_related("terms").filter(slug=slug).first()
    if model is None:
        raise Http404
    return model


def _page(request: TenantRequest, model: AIModel, form: AskForm, status: int = 200) -> HttpResponse:
    standing = access.standing(request.organization, model)
    page = reverse("marketplace:model-detail", args=[model.slug])
    context = {
        "model": model,
        "standing": standing,
        "terms": cards.blocks(standing.terms.text) if standing.terms else [],
        "form": form,
        "may_accept": request.membership.can(Permission.SETTINGS_MANAGE),
        "may_ask": request.membership.can(Permission.KEYS_MANAGE),
        "crumbs": [(_("Models"), reverse("marketplace:catalogue")), (model.name, page)],
        "nav_section": "catalogue",
    }
    return render(request, "marketplace/access.html", context, status=status)


@require_safe
@requires(Permission.DASHBOARD_READ)
def access_page(request: TenantRequest, slug: str) -> HttpResponse:
    """Show what the model asks the organization for, and what is done of it."""
    return _page(request, _model(request, slug), AskForm())


@require_POST
@requires(Permission.SETTINGS_MANAGE)
def terms_accept(request: TenantRequest, slug: str) -> HttpResponse:
    """Agree to the terms for the organization, in the wording that was shown."""
    model = _model(request, slug)
    sent = request.POST.get("version", "")
    version = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 9 else 0
    try:
        services.accept(request.organization, model, version=version, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("Accepted for your organization. Calls work within seconds."))
    return redirect("marketplace:access", org=request.organization.slug, slug=slug)


@require_POST
@requires(Permission.KEYS_MANAGE)
def access_request(request: TenantRequest, slug: str) -> HttpResponse:
    """Ask the operator to let the organization in."""
    model, form = _model(request, slug), AskForm(request.POST)
    if not form.is_valid():
        return _page(request, model, form, status=422)
    reason = form.cleaned_data["reason"]
    try:
        services.request(request.organization, model, reason=reason, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("The operator has your request. The answer comes by e-mail."))
    return redirect("marketplace:access", org=request.organization.slug, slug=slug)
