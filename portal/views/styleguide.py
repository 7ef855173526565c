"""The style guide: every part that pages are made of, with invented content."""

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from common.money import Money
from marketplace.models import AIModel, ModelVersion, Offer, Publisher
from marketplace.showcase import PricedOffer
from tenants.models import Region


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("Shown in your audit log."))
    email = forms.EmailField(label=_("Billing e-mail"), required=False)
    region = forms.ChoiceField(label=_("Region"), choices=[("kz", "Astana"), ("fr", "Paris")])
    kind = forms.ChoiceField(
        label=_("Kind of key"),
        choices=[("full", _("May call models")), ("read", _("May only read usage"))],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    agreed = forms.BooleanField(label=_("I have read the terms of service"))


def _chart() -> dict[str, Any]:
    days = [("1 May", 812_000, 240_500), ("2 May", 1_030_000, 310_200), ("3 May", 640_250, 90_000)]
    return {
        "kind": "bar",
        "stacked": True,
        "row_label": _("Day"),
        "series": [{"name": "Atlas Large", "hue": 1}, {"name": "Atlas Mini", "hue": 2}],
        "rows": [
            {"label": day, "cells": [{"value": count, "text": f"{count:,}"} for count in counts]}
            for day, *counts in days
        ],
        "as_of": datetime.now(UTC),
        "note": _("Today is not over: its column still grows."),
    }


def _offer() -> PricedOffer:
    publisher = Publisher(name="Steppe AI")
    model = AIModel(
        name="Atlas Large", slug="atlas-large", publisher=publisher, context_window=131_072
    )
    offer = Offer(
        name="atlas-large", region=Region(name="Astana"), model_version=ModelVersion(model=model)
    )
    input_, cached, output = (Decimal(it) / 1_000_000 for it in ("0.40", "0.10", "1.60"))
    return PricedOffer(offer, "EUR", input_, cached, output)


def _context(request: HttpRequest) -> dict[str, Any]:
    return {
        "balance": Money(Decimal("1240.5"), "EUR"),
        "request_cost": Money(Decimal("0.0000375"), "EUR"),
        "now": datetime.now(UTC),
        "form": SampleForm(request.POST or None),
        "chart": _chart(),
        "offers": [_offer()],
        "samples": [
            {"name": "curl", "label": "curl", "code": "curl https://example.test/v1/models"},
            {"name": "python", "label": "Python", "code": "client.models.list()"},
        ],
        "checks": [
            SimpleNamespace(title=_("Licence"), is_done=True, missing=""),
            SimpleNamespace(
                title=_("Prices"), is_done=False, missing=_("A price for output is missing.")
            ),
        ],
        "steps": [
            SimpleNamespace(
                title=_("Create your organization"), text=_("Done in May."), is_done=True
            ),
            SimpleNamespace(
                title=_("Create a key"), text=_("Shown once."), url="#", is_done=False, is_next=True
            ),
            SimpleNamespace(title=_("Make the first call"), text=_("With curl."), is_done=False),
        ],
    }


def styleguide(request: HttpRequest) -> HttpResponse:
    """Show every part; where neither debugging nor the demo runs, there is no such page."""
    if not (settings.DEBUG or settings.DEMO):
        raise Http404
    context = _context(request)
    return render(request, "styleguide.html", context, status=422 if request.POST else 200)
