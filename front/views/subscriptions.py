"""Mail about incidents: asked for by anybody, confirmed and ended by who has the link."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from common.database import service
from front import tokens
from front.forms.subscriptions import ChoiceForm, SubscribeForm
from front.models import StatusSubscription
from front.services import subscribing
from tenants import pace
from tenants.models import User
from tenants.services import sign_ups

#: The page and the API are one door.
WHAT, A_MINUTE = "status-mail", 5
GONE = "portal/status_mail_gone.html"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def subscribe(request: HttpRequest) -> HttpResponse:
    """Take an address; the answer is the same whether or not it gets mail already."""
    if request.method == "POST" and not pace.allows(request, WHAT, a_minute=A_MINUTE):
        return render(request, "429.html", status=429)
    with service():
        form = SubscribeForm(request.POST or None)
        if form.is_valid():
            subscribing.ask(form.cleaned_data["email"], form.choice())
            return redirect(f"{request.path}?sent")
        context = {"form": form, "is_sent": "sent" in request.GET}
        status = 422 if form.is_bound else 200
        return render(request, "portal/status_mail.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Show what was asked for; the button lets it hold, no program that only follows links."""
    with service():
        subscription_id = tokens.read(token, tokens.CONFIRM)
        found = subscribing.invited(subscription_id) if subscription_id else None
        if found is None:
            return render(request, GONE, status=410)
        if request.method == "POST":
            held = subscribing.confirm(found.pk)
            if held is not None:
                messages.success(request, _("From now on you get mail about the service."))
                return redirect("status-mail-own", tokens.made(held, tokens.OWN))
        return render(request, "portal/status_mail_confirm.html", {"subscription": found})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def own(request: HttpRequest, token: str) -> HttpResponse:
    """Show and change what an address gets, to who was sent the link."""
    with service():
        found = _found(tokens.read(token, tokens.OWN))
        if found is None:
            return render(request, GONE, status=410)
        form = ChoiceForm(request.POST or None, subscription=found)
        if form.is_valid():
            subscribing.change(found, form.choice())
            messages.success(request, _("Saved."))
            return redirect(request.path)
        context = {"form": form, "subscription": found, "token": token}
        status = 422 if form.is_bound else 200
        return render(request, "portal/status_mail_own.html", context, status=status)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def end(request: HttpRequest, token: str) -> HttpResponse:
    """Ask with a button; a POST ends it, by a person's or a mail program's one click (RFC 8058).

    The token says whose it is, so no cookie is looked at, and none could be misused.
    """
    subscription_id = tokens.read(token, tokens.OWN)
    if subscription_id is None:
        return render(request, GONE, status=410)
    with service():
        if request.method == "POST":
            subscribing.end(subscription_id)
        context = {"subscription": _found(subscription_id), "token": token}
        return render(request, "portal/status_mail_end.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Switch mail about the service on, off or to something else, at one's own address."""
    person = request.user
    assert isinstance(person, User)  # noqa: S101 - says login_required
    with service():
        if request.method == "POST" and "off" in request.POST:
            subscribing.switch_off(person)
            messages.success(request, _("You get no more mail about the service."))
            return redirect(request.path)
        held = subscribing.own(person)
        form = ChoiceForm(request.POST or None, subscription=held)
        is_verified = sign_ups.is_verified(person)
        if is_verified and form.is_valid():
            subscribing.switch_on(person, form.choice())
            messages.success(request, _("From now on you get mail about the service."))
            return redirect(request.path)
        context = {"form": form, "subscription": held, "is_verified": is_verified}
        status = 422 if form.is_bound else 200
        return render(request, "account/status_mail.html", context, status=status)


def _found(subscription_id: UUID | None) -> StatusSubscription | None:
    found = StatusSubscription.objects.prefetch_related("regions", "named_models")
    return found.filter(pk=subscription_id).first() if subscription_id else None
