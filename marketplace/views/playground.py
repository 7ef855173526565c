"""The playground: talk with models in the browser, each call metered as any other."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from marketplace import chats, playground, snippets
from marketplace.services import chats as keeping
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.services import passes
from tenants.services.api_keys import default_project


@require_safe
@requires(Permission.PLAYGROUND_USE)
def playground_page(request: TenantRequest) -> HttpResponse:
    """Show the playground; the address says with which models, or which conversation to open."""
    offered = playground.choices(request.organization)
    names = {it.name for it in offered}
    slugs = {it.model.slug: it.name for it in reversed(offered)}
    asked = [slugs.get(it, it) for it in request.GET.getlist("model")[:2]]
    kept = keeping.kept_by(request.membership)
    opened = _id(request)
    chat = kept.filter(pk=opened).first() if opened else None
    base_url = f"{settings.PUBLIC_URL}/v1"
    context = {
        "choices": offered,
        "asked": [it for it in asked if it in names],
        "unknown": [it for it in asked if it not in names],
        "projects": request.organization.projects.all(),
        "default_project": default_project(request.organization),
        "kept": kept.defer("content"),
        "chat": chat,
        "base_url": base_url,
        "snippets": snippets.for_model("chat", offered[0].name, base_url) if offered else [],
        "may_buy": request.membership.can(Permission.BILLING_MANAGE),
        "nav_section": "playground",
    }
    return render(request, "marketplace/playground.html", context)


def _id(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get("chat", ""))
    except ValueError:
        return None


@require_POST
@never_cache
@requires(Permission.PLAYGROUND_USE)
def playground_pass(request: TenantRequest) -> JsonResponse:
    """Give the browser what it calls ``/v1`` with, for a quarter of an hour."""
    project = get_object_or_404(
        request.organization.projects, slug=request.POST.get("project", "default")
    )
    minted = passes.issue(request.membership, project)
    expires_at = minted.api_key.expires_at
    return JsonResponse({"key": minted.text, "expires_at": expires_at}, status=201)


@require_POST
@requires(Permission.PLAYGROUND_USE)
def playground_code(request: TenantRequest) -> HttpResponse:
    """Show the present settings as code."""
    base_url = f"{settings.PUBLIC_URL}/v1"
    try:
        samples = snippets.for_chat(playground.example(request.POST.get("request", "")), base_url)
    except DomainError as refusal:
        told = {"text": refusal.detail, "tone": "bad"}
        return render(request, "components/alert.html", told, status=refusal.status)
    context = {"id": "playground-code", "samples": samples, "memory": "language"}
    return render(request, "components/code_tabs.html", context)


@require_POST
@requires(Permission.PLAYGROUND_USE)
def chat_keep(request: TenantRequest, chat_id: uuid.UUID) -> JsonResponse:
    """Keep a conversation, because its author asked to."""
    try:
        chat = keeping.keep(request.membership, chats.read(request.body), chat_id)
    except DomainError as refusal:
        facts = {"code": refusal.code, "message": str(refusal.detail)}
        return JsonResponse({"error": facts}, status=refusal.status)
    address = reverse("marketplace:playground", args=[request.organization.slug])
    return JsonResponse({"title": chat.title, "url": f"{address}?chat={chat.pk}"})


@require_POST
@requires(Permission.PLAYGROUND_USE)
def chat_delete(request: TenantRequest, chat_id: uuid.UUID) -> HttpResponse:
    """Delete a conversation of one's own for good."""
    chat = get_object_or_404(keeping.kept_by(request.membership), pk=chat_id)
    chat.delete()
    messages.success(request, _("“%(title)s” is deleted.") % {"title": chat.title})
    return redirect("marketplace:playground", org=request.organization.slug)
