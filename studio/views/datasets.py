"""Datasets: the list, uploading one, what was found in it, and deleting it."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from common import streams
from common.errors import DomainError, NotFound, in_words
from common.htmx import render_page
from files import blobs
from files import queries as files
from files.models import Purpose
from files.services import stored_files
from studio import diffs, findings, queries, sample_dataset
from studio.mending_forms import MendingForm
from studio.models import Dataset
from studio.services import datasets, importing, mending
from studio.upload_forms import UploadForm
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope

SECTION = "datasets"
PAGE = 50
#: So many changed examples are shown before a new dataset is made.
SHOWN_CHANGES = 10
#: So many of the jobs that use a dataset are named on its page.
NAMED = 20


@require_safe
@requires(Permission.STUDIO_READ)
def dataset_list(request: TenantRequest) -> HttpResponse:
    """List the datasets, the newest first."""
    found = queries.datasets(request.organization)
    context = {
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "room": files.room(request.organization),
        "may_upload": request.membership.can(Permission.FILES_MANAGE),
        "nav_section": SECTION,
    }
    return render(request, "studio/dataset_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.FILES_MANAGE, scoped=False)
def dataset_create(request: TenantRequest) -> HttpResponse:
    """Take in a file and have it checked; what cannot be kept is told beside the field."""
    is_sent = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if is_sent else UploadForm()
    if form.is_valid() and (dataset := _kept(request, form)):
        messages.success(
            request, _("“%(name)s” is uploaded and being checked.") % {"name": dataset}
        )
        address = _address(request, dataset)
        return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    context = {
        "form": form,
        "largest": settings.FILES_LARGEST,
        "line": sample_dataset.first(),
        "crumbs": _crumbs(request),
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound else 200
    return render_page(
        request, "studio/dataset_create.html", context, partial="dataset-upload", status=status
    )


def _kept(request: TenantRequest, form: UploadForm) -> Dataset | None:
    sent = form.cleaned_data["file"]
    try:
        with importing.as_lines(sent, form.columns) as (content, filename):
            file = stored_files.keep(
                request.organization,
                content,
                filename=filename,
                purpose=Purpose.FINE_TUNE,
                by=request.user,
                source_key=form.source_key,
            )
    except DomainError as refusal:
        form.add_error("file", in_words(refusal))
        return None
    with scope(request.organization):
        return queries.dataset(request.organization, datasets.ensure(request.organization, file).pk)


@require_safe
@requires(Permission.STUDIO_READ)
def dataset_detail(request: TenantRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """Show what was found in a dataset, and who learns from it; one being checked is followed."""
    dataset = queries.dataset(request.organization, dataset_id)
    may_manage = request.membership.can(Permission.STUDIO_MANAGE)
    made = queries.mendings(dataset)
    is_being_checked = dataset.state == Dataset.State.VALIDATING and dataset.file.is_living
    context = {
        "dataset": dataset,
        "is_busy": is_being_checked or any(it.finished_at is None for it in made),
        "findings": findings.of(dataset),
        "notices": findings.notices(dataset),
        "made_by": queries.made_by(dataset),
        "mendings": made,
        "is_mendable": bool(mending.offered(dataset)),
        "lengths": findings.lengths_chart(dataset.report.get("lengths", {})),
        "jobs": queries.jobs_of(dataset)[:NAMED],
        "line": sample_dataset.first(),
        "like": f"?dataset={dataset.pk}",
        "may_train": may_manage and dataset.state == Dataset.State.READY,
        "may_upload": request.membership.can(Permission.FILES_MANAGE),
        "may_download": request.membership.can(Permission.FILES_READ),
        "crumbs": _crumbs(request),
        "nav_section": SECTION,
    }
    return render_page(request, "studio/dataset_detail.html", context, partial="dataset-report")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.FILES_MANAGE)
def dataset_mend(request: TenantRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """Show what fixes would change, and have a new dataset made by those that were chosen."""
    dataset = queries.dataset(request.organization, dataset_id)
    offered = mending.offered(dataset)
    asked = request.POST if request.method == "POST" else _fixes_of(request)
    form = MendingForm(offered, asked)
    chosen = form.cleaned_data["fixes"] if form.is_valid() else [] if asked else offered
    if request.method == "POST" and chosen and "make" in request.POST:
        mending.ask(dataset, chosen, by=request.user)
        messages.success(request, _("A new dataset is being made; this one stays as it is."))
        return redirect(f"{_address(request, dataset)}#mendings")
    found = mending.changes(dataset, chosen, most=SHOWN_CHANGES) if chosen else []
    context = {
        "dataset": dataset,
        "form": form,
        "offered": offered,
        "changes": [diffs.shown(change) for change in found],
        "looked_at": mending.LOOKED_AT,
        "crumbs": [*_crumbs(request), (str(dataset), _address(request, dataset))],
        "nav_section": SECTION,
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render_page(
        request, "studio/dataset_mend.html", context, partial="mending", status=status
    )


def _fixes_of(request: TenantRequest) -> QueryDict | None:
    return request.GET if "fixes" in request.GET else None


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.FILES_MANAGE)
def dataset_delete(request: TenantRequest, dataset_id: uuid.UUID) -> HttpResponse:
    """Delete a dataset's file for ever, once it was said what learns and has learnt from it."""
    dataset = queries.dataset(request.organization, dataset_id)
    if request.method == "POST":
        stored_files.delete(dataset.file, by=request.user)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": dataset})
        return redirect("studio:dataset-list", org=request.organization.slug)
    context = {
        "dataset": dataset,
        "jobs": queries.jobs_of(dataset),
        "crumbs": [*_crumbs(request), (str(dataset), _address(request, dataset))],
        "nav_section": SECTION,
    }
    return render(request, "studio/dataset_delete.html", context)


@require_safe
@requires(Permission.STUDIO_READ)
def dataset_sample(request: TenantRequest) -> HttpResponse:
    """Download a small dataset that can be used."""
    return HttpResponse(
        sample_dataset.content(),
        content_type="application/jsonl; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="example.jsonl"'},
    )


@require_safe
@requires(Permission.FILES_READ, scoped=False)
def file_content(request: TenantRequest, file_id: uuid.UUID) -> HttpResponseBase:
    """Download a dataset, or what a job has made."""
    with scope(request.organization):
        file = files.living(request.organization, file_id)
    if file is None:
        raise NotFound
    content = blobs.open_blob(blobs.of(file))
    return StreamingHttpResponse(
        streams.served(request, blobs.pieces(content)),
        content_type="application/octet-stream",
        headers={
            "Content-Length": str(file.bytes),
            "Content-Disposition": content_disposition_header(True, file.filename) or "",  # noqa: FBT003
        },
    )


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    return [(_("Datasets"), reverse("studio:dataset-list", args=[request.organization.slug]))]


def _address(request: TenantRequest, dataset: Dataset) -> str:
    return reverse("studio:dataset-detail", args=[request.organization.slug, dataset.pk])
