"""Fine-tuning jobs: the list, one of them as it goes, and its end."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.htmx import render_page
from studio import queries, samples, watching
from studio.job_filter import JobFilter
from studio.models import FineTuningJob
from studio.services import fine_tuning
from tenants.access import TenantRequest, requires
from tenants.models import Permission

SECTION = "fine-tuning"
PAGE = 50


@require_safe
@requires(Permission.STUDIO_READ)
def job_list(request: TenantRequest) -> HttpResponse:
    """List the jobs that the filter finds, the newest first."""
    found = queries.jobs(request.organization)
    form = JobFilter(request.GET, models=queries.taught_models(request.organization))
    is_valid = form.is_valid()
    context = {
        "form": form,
        "page": Paginator(form.of(found) if is_valid else found.none(), PAGE).get_page(
            request.GET.get("page")
        ),
        "is_filtered": form.is_filtered,
        "may_manage": request.membership.can(Permission.STUDIO_MANAGE),
        "nav_section": SECTION,
    }
    return render(request, "studio/job_list.html", context, status=200 if is_valid else 422)


@require_safe
@requires(Permission.STUDIO_READ)
def job_detail(request: TenantRequest, job_id: uuid.UUID) -> HttpResponse:
    """Show a job; a page that is open asks every few seconds for news until the job has ended."""
    job = queries.job(request.organization, job_id)
    watched = watching.of(job)
    if request.htmx and request.GET.get("seen") == watched.stamp:
        return HttpResponse(status=204)
    may_manage = request.membership.can(Permission.STUDIO_MANAGE)
    context = {
        "job": job,
        "watched": watched,
        "sample": samples.python(job, f"{settings.PUBLIC_URL}/v1"),
        "attempts": queries.attempts(job),
        "may_manage": may_manage,
        "may_download": request.membership.can(Permission.FILES_READ),
        "may_pay": request.membership.can(Permission.BILLING_READ),
        "crumbs": _crumbs(request),
        "nav_section": SECTION,
    }
    return render_page(request, "studio/job_detail.html", context, partial="job-live")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.STUDIO_MANAGE)
def job_cancel(request: TenantRequest, job_id: uuid.UUID) -> HttpResponse:
    """Wish a job's end, once it was said what is billed then."""
    job = queries.job(request.organization, job_id)
    if request.method == "POST":
        fine_tuning.cancel(job, by=request.user)
        messages.success(request, _("The job is being cancelled."))
        return redirect("studio:job-detail", org=request.organization.slug, job_id=job.pk)
    context = {
        "job": job,
        "watched": watching.of(job),
        "crumbs": [*_crumbs(request), (job.name, _address(request, job))],
        "nav_section": SECTION,
    }
    return render(request, "studio/job_cancel.html", context)


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    return [(_("Fine-tuning"), reverse("studio:job-list", args=[request.organization.slug]))]


def _address(request: TenantRequest, job: FineTuningJob) -> str:
    return reverse("studio:job-detail", args=[request.organization.slug, job.pk])
