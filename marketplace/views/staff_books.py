"""The operator's desk: price books, whom they are for, and their end."""

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import DomainError
from marketplace import bookshelf
from marketplace.forms.books import (
    CONTRACT,
    CUSTOMER,
    GROUP,
    AudienceForm,
    BookForm,
    DraftForm,
    GroupForm,
    MemberForm,
)
from marketplace.models import CustomerGroup, GroupMember, Offer, PriceBook, PriceMove
from marketplace.services import books, drafting, moves
from marketplace.views.staff_models import show_refusal
from tenants.access import StaffRequest, staff_required
from tenants.models import Organization

SECTION = "staff-books"
#: How many moves that are over the page lists.
PAST = 50


@require_safe
@staff_required
def book_list(request: StaffRequest) -> HttpResponse:
    """List the books: for whom, which version holds, comes, is drafted."""
    context = {"shelf": bookshelf.listed(), "nav_section": SECTION}
    return render(request, "staff/book_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def book_create(request: StaffRequest) -> HttpResponse:
    """Open a book."""
    initial = {"audience": GROUP, "currency": "EUR"}
    form = BookForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        facts = {name: form.cleaned_data[name] for name in ("code", "name", "currency")}
        try:
            book = books.create(**facts, **form.whom(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The book is opened. Draft its first version."))
            return redirect("staff:book-detail", book_id=book.pk)
    context = {"form": form, "nav_section": SECTION}
    return render(request, "staff/book_form.html", context, status=422 if form.is_bound else 200)


@require_safe
@staff_required
def book_detail(request: StaffRequest, book_id: uuid.UUID) -> HttpResponse:
    """Show for whom a book is, its versions, and what it says now."""
    book = get_object_or_404(bookshelf.books(), pk=book_id)
    context = {
        "book": book,
        "editions": bookshelf.editions(
            list(bookshelf.versions().filter(book=book)), timezone.now()
        ),
        "lines": bookshelf.prices(book),
        "members": _members(book.customer_group),
        "contracts": bookshelf.contracts(book),
        "can_retire": not book.is_default and bookshelf.has_anything(book),
        "form": DraftForm(),
        "nav_section": SECTION,
    }
    return render(request, "staff/book_detail.html", context)


def _members(group: CustomerGroup | None) -> QuerySet[GroupMember] | None:
    if group is None:
        return None
    return group.members.select_related("organization").order_by("organization__name")


@require_POST
@staff_required
def book_draft(request: StaffRequest, book_id: uuid.UUID) -> HttpResponse:
    """Begin a version as a copy of what the book says."""
    book = get_object_or_404(PriceBook, pk=book_id)
    form = DraftForm(request.POST)
    note = form.cleaned_data["note"] if form.is_valid() else ""
    version = drafting.begin(book, by=request.user, note=note)
    messages.success(request, _("The draft is a copy of what the book says. Nobody sees it yet."))
    return redirect("staff:version-detail", version_id=version.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def book_audience(request: StaffRequest, book_id: uuid.UUID) -> HttpResponse:
    """Say for whom a book is."""
    book = get_object_or_404(bookshelf.books(), pk=book_id)
    form = AudienceForm(request.POST if request.method == "POST" else None, initial=_whom(book))
    if form.is_bound and form.is_valid():
        try:
            made = moves.assign(book, **form.whom(), by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            _say(request, made, _("New requests are priced accordingly."))
            return redirect("staff:book-detail", book_id=book_id)
    context = {
        "book": book,
        "form": form,
        "contracts": bookshelf.contracts(book),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/book_audience.html", context, status=status)


def _whom(book: PriceBook) -> dict[str, Any]:
    if book.organization is not None:
        return {"audience": CUSTOMER, "organization": book.organization.slug}
    if book.customer_group is not None:
        return {"audience": GROUP, "group": book.customer_group}
    return {"audience": CONTRACT}


@require_POST
@staff_required
def book_retire(request: StaffRequest, book_id: uuid.UUID) -> HttpResponse:
    """End what a book says of one offer, or of all."""
    book = get_object_or_404(PriceBook, pk=book_id)
    try:
        named = request.POST.get("offer")
        offer = get_object_or_404(Offer, name=named) if named else None
        made = moves.end(book, offer=offer, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
        return redirect("staff:book-detail", book_id=book_id)
    ended = 0 if isinstance(made, PriceMove) else made
    sentence = ngettext(
        "What the book says of %(count)s model has ended.",
        "What the book says of %(count)s models has ended.",
        ended,
    )
    _say(request, made, sentence % {"count": ended})
    return redirect("staff:book-detail", book_id=book_id)


def _say(request: StaffRequest, made: PriceMove | int, done: str) -> None:
    """Tell what is done, or for when it is planned because somebody will pay more."""
    if not isinstance(made, PriceMove):
        messages.success(request, done)
        return
    words = _(
        "Customers would pay more for what they used of late. It is planned for %(day)s, and they "
        "are told. Until then nothing is different."
    )
    messages.warning(request, words % {"day": date_format(made.takes_effect_at, "DATETIME_FORMAT")})


@require_safe
@staff_required
def move_list(request: StaffRequest) -> HttpResponse:
    """List what will let customers pay other prices, and what did of late."""
    found = PriceMove.objects.select_related("book", "offer", "customer", "group", "planned_by")
    told = found.annotate(customers=Count("notices__organization", distinct=True))
    context = {
        "planned": told.planned(),
        "past": told.exclude(status=PriceMove.Status.PLANNED).order_by("-updated_at")[:PAST],
        "nav_section": SECTION,
    }
    return render(request, "staff/move_list.html", context)


@require_POST
@staff_required
def move_take_back(request: StaffRequest, move_id: uuid.UUID) -> HttpResponse:
    """Close what was planned."""
    try:
        moves.take_back(get_object_or_404(PriceMove, pk=move_id), by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("It is taken back; nothing has changed."))
    return redirect("staff:move-list")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def group_list(request: StaffRequest) -> HttpResponse:
    """List the customer groups, and make one."""
    form = GroupForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            group = books.open_group(**form.cleaned_data, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            messages.success(request, _("The group is made. Add its customers."))
            return redirect("staff:group-detail", group_id=group.pk)
    context = {"groups": bookshelf.groups(), "form": form, "nav_section": SECTION}
    return render(request, "staff/group_list.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def group_detail(request: StaffRequest, group_id: uuid.UUID) -> HttpResponse:
    """Show who is in a group and which books are for it; let customers in."""
    group = get_object_or_404(CustomerGroup, pk=group_id)
    form = MemberForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = moves.join(form.cleaned_data["organization"], group, by=request.user)
        except DomainError as refusal:
            show_refusal(form, refusal)
        else:
            _say(request, made, _("The customer is in the group, and in no other."))
            return redirect("staff:group-detail", group_id=group_id)
    context = {
        "group": group,
        "members": _members(group),
        "books": bookshelf.books().filter(customer_group=group),
        "form": form,
        "nav_section": SECTION,
    }
    return render(request, "staff/group_detail.html", context, status=422 if form.is_bound else 200)


@require_POST
@staff_required
def group_leave(request: StaffRequest, group_id: uuid.UUID) -> HttpResponse:
    """Take a customer out of a group."""
    member = get_object_or_404(
        Organization, customer_group__group=group_id, slug=request.POST.get("customer", "")
    )
    try:
        made = moves.join(member, None, by=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal.detail))
    else:
        _say(request, made, _("The customer has left the group."))
    return redirect("staff:group-detail", group_id=group_id)
