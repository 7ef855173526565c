"""The operator's desk: one version of a price book, from a draft to history."""

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import bookshelf, comparison, price_files
from marketplace.forms.books import (
    AdjustForm,
    DraftPriceForm,
    PlaceForm,
    PriceFileForm,
    PublishForm,
    shown,
)
from marketplace.models import PriceBookVersion
from marketplace.services import books, drafting
from marketplace.services.drafting import Place
from marketplace.views.staff_books import SECTION
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required

GET_OR_POST = ["GET", "HEAD", "POST"]


@require_safe
@staff_required
def version_detail(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Show every price without the version and with it, and what can be done with it."""
    return _page(request, _found(version_id))


def _found(version_id: uuid.UUID) -> PriceBookVersion:
    return get_object_or_404(bookshelf.versions(), pk=version_id)


def _page(request: StaffRequest, version: PriceBookVersion, **forms: BaseForm) -> HttpResponse:
    lines = comparison.of(version)
    changed = [line for line in lines if line.is_changed]
    is_full = "all" in request.GET or not changed
    mine = bookshelf.versions().filter(book=version.book)
    states = {it.version: it.state for it in bookshelf.editions(list(mine), timezone.now())}
    context: dict[str, Any] = {
        "version": version,
        "book": version.book,
        "state": states[version],
        "lines": lines if is_full else changed,
        "total": len(lines),
        "changed": len(changed),
        "is_full": is_full,
        "publish_form": PublishForm(),
        "adjust_form": AdjustForm(offers=[it.offer.pk for it in lines]),
        "file_form": PriceFileForm(),
        "place_form": PlaceForm(),
        "nav_section": SECTION,
        **forms,
    }
    is_refused = any(form.errors for form in forms.values())
    return render(request, "staff/version_detail.html", context, status=422 if is_refused else 200)


@require_http_methods(GET_OR_POST)
@staff_required
def version_adjust(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Change the draft's prices by a percentage."""
    version = _found(version_id)
    if request.method != "POST":
        # Whoever comes back to the address of a form that was refused.
        return redirect("staff:version-detail", version_id=version_id)
    offers = [it.offer.pk for it in comparison.of(version)]
    form = AdjustForm(request.POST, offers=offers)
    if form.is_valid():
        try:
            count = drafting.adjust(
                version, percent=form.cleaned_data["percent"], by=request.user, **form.filters()
            )
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            sentence = ngettext(
                "%(count)s price of the draft is changed.",
                "%(count)s prices of the draft are changed.",
                count,
            )
            messages.success(request, sentence % {"count": count})
            return redirect("staff:version-detail", version_id=version_id)
    return _page(request, version, adjust_form=form)


@require_http_methods(GET_OR_POST)
@staff_required
def version_price(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Change one price of the draft."""
    version = _found(version_id)
    asked = PlaceForm(request.GET)
    if request.method == "POST":
        form = DraftPriceForm(request.POST)
        if form.is_valid() and _set(request, version, form):
            return redirect("staff:version-detail", version_id=version_id)
    else:
        form = DraftPriceForm(initial=_present(version, asked))
    context = {"version": version, "book": version.book, "form": form, "nav_section": SECTION}
    status = 422 if form.errors else 200
    return render(request, "staff/version_price.html", context, status=status)


def _present(version: PriceBookVersion, asked: PlaceForm) -> dict[str, Any]:
    if not asked.is_valid():
        return {}
    facts = asked.cleaned_data
    place = facts["offer"].pk, facts["part"], facts["tier"]
    priced = {(it.offer.pk, it.part, it.tier): it.new for it in comparison.of(version)}
    return {**facts, **shown(facts["part"], priced.get(place))}


def _set(request: StaffRequest, version: PriceBookVersion, form: DraftPriceForm) -> bool:
    try:
        drafting.set_price(version, _place(form), form.price(), by=request.user)
    except DomainError as refusal:
        reasons = [str(it) for found in refusal.field_errors.values() for it in found]
        given = "amount" if form.cleaned_data["amount"] is not None else "definition"
        form.add_error(given, reasons or [str(refusal.detail)])
        return False
    messages.success(request, _("The draft says so now."))
    return True


def _place(form: PlaceForm) -> Place:
    facts = form.cleaned_data
    return Place(facts["offer"], facts["part"], facts["tier"])


@require_POST
@staff_required
def version_take_out(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Let the draft say nothing of a price."""
    form = PlaceForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    drafting.take_out(_found(version_id), _place(form), by=request.user)
    messages.success(request, _("The draft leaves this price as it is."))
    return redirect("staff:version-detail", version_id=version_id)


@require_http_methods(GET_OR_POST)
@staff_required
def version_publish(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Publish the draft from a moment on."""
    version = _found(version_id)
    if request.method != "POST":
        return redirect("staff:version-detail", version_id=version_id)
    form = PublishForm(request.POST)
    if form.is_valid():
        try:
            books.publish(version, by=request.user, **form.cleaned_data)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(
                request, _("The version is published; neither it nor its prices change any more.")
            )
            return redirect("staff:version-detail", version_id=version_id)
    return _page(request, version, publish_form=form)


@require_POST
@staff_required
def version_withdraw(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Take back what has not begun."""
    books.withdraw(_found(version_id), by=request.user)
    messages.success(request, _("The version is withdrawn: what holds now goes on."))
    return redirect("staff:version-detail", version_id=version_id)


@require_POST
@staff_required
def version_discard(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Throw the draft away."""
    version = _found(version_id)
    books.discard(version, by=request.user)
    messages.success(request, _("The draft is gone."))
    return redirect("staff:book-detail", book_id=version.book_id)


@require_safe
@staff_required
def version_csv(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Give the version's prices as a file."""
    return price_files.response(_found(version_id))


@require_http_methods(GET_OR_POST)
@staff_required
def version_import(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Take the draft's prices from a file, all of them or none."""
    version = _found(version_id)
    if request.method != "POST":
        return redirect("staff:version-detail", version_id=version_id)
    form = PriceFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            prices = price_files.read(form.cleaned_data["file"].read())
            drafting.replace(version, prices, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The draft says what the file says."))
            return redirect("staff:version-detail", version_id=version_id)
    return _page(request, version, file_form=form)
