"""A new job: asked for on one page, checked with its price on the next, then begun."""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from common.errors import DomainError, in_words
from common.htmx import render_page
from common.ids import uuid7
from studio import bases, queries
from studio.errors import OperationMeansAnother
from studio.hyperparameters import Hyperparameters, settled
from studio.job_forms import HYPERPARAMETERS, JobForm
from studio.services import estimates, fine_tuning
from studio.services.estimates import Estimate
from tenants.access import TenantRequest, requires
from tenants.models import Permission

SECTION = "fine-tuning"
#: What the buttons ask for.
CHANGE, LAUNCH = "change", "launch"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.STUDIO_MANAGE)
def job_create(request: TenantRequest) -> HttpResponse:
    """Ask for a job: the form, then what it costs at most, then its beginning."""
    act = request.POST.get("act", "")
    if request.method != "POST" or act == CHANGE:
        return _form_page(request, _form(request, initial=_initial(request)))
    form = _form(request, data=request.POST)
    if not form.is_valid():
        return _form_page(request, form)
    try:
        estimate = estimates.estimate(request.organization, **form.estimate_facts())
        if act == LAUNCH and _is_agreed(request.POST, form, estimate):
            return _begun(request, form, estimate)
    except OperationMeansAnother:
        form.add_error(
            None, _("A job was begun from this form already. Send it again for another.")
        )
        return _form_page(request, _renewed(request, form))
    except DomainError as refusal:
        form.add_error(None, in_words(refusal))
        return _form_page(request, form)
    return _check_page(request, form, estimate)


def _form(request: TenantRequest, **facts: Any) -> JobForm:
    found = bases.of(request.organization)
    return JobForm(organization=request.organization, bases=found, **facts)


def _renewed(request: TenantRequest, form: JobForm) -> JobForm:
    """Return the form with a new key, and what was said about the old one."""
    data = request.POST.copy()
    data["operation_key"] = str(uuid7())
    renewed = _form(request, data=data)
    for words in form.non_field_errors():
        renewed.add_error(None, words)
    return renewed


def _initial(request: TenantRequest) -> dict[str, Any]:
    if request.method == "POST":
        return {name: value for name, value in request.POST.items() if name in JobForm.base_fields}
    project = request.organization.projects.first()
    begun = {
        "project": str(project.pk) if project else "",
        "dataset": request.GET.get("dataset", ""),
    }
    return begun | _of_earlier(request)


def _of_earlier(request: TenantRequest) -> dict[str, Any]:
    """Return what an earlier job was asked with, for one like it; nothing where none is named."""
    try:
        job = queries.job(request.organization, uuid.UUID(request.GET["like"]))
    except (KeyError, ValueError, DomainError):
        return {}
    asked = job.hyperparameters
    found = {
        "model": job.offer.name,
        "dataset": str(job.dataset_id),
        "validation": str(job.validation_id or ""),
        "method": "lora" if asked.get("lora", True) else "full",
        "suffix": job.suffix,
        "seed": job.seed,
        **{name: asked[name] for name in HYPERPARAMETERS if asked.get(name, "auto") != "auto"},
    }
    return found | ({"project": str(job.project_id)} if job.project_id else {})


def _is_agreed(posted: QueryDict, form: JobForm, estimate: Estimate) -> bool:
    """Whether all that it would cost was seen, and is allowed."""
    if estimate.epochs is None or _is_too_dear(form, estimate):
        return False
    if estimate.quote is None:
        return True
    try:
        return estimate.quote.cost.amount <= Decimal(posted.get("agreed", ""))
    except InvalidOperation:
        return False


def _is_too_dear(form: JobForm, estimate: Estimate) -> bool:
    most = form.cleaned_data["max_cost"]
    return estimate.quote is not None and most is not None and estimate.quote.cost.amount > most


def _begun(request: TenantRequest, form: JobForm, estimate: Estimate) -> HttpResponse:
    facts = form.facts()
    if estimate.quote is not None and facts["max_cost"] is None:
        # What was shown is what is paid at most, also if a price changes in this moment.
        facts["max_cost"] = estimate.quote.cost.amount
    job = fine_tuning.create(request.organization, by=request.user, **facts)
    messages.success(request, _("The job is begun."))
    return redirect("studio:job-detail", org=request.organization.slug, job_id=job.pk)


def _check_page(request: TenantRequest, form: JobForm, estimate: Estimate) -> HttpResponse:
    quote = estimate.quote
    context = {
        "form": form,
        "estimate": estimate,
        "numbers": _numbers(form, estimate),
        "is_too_dear": _is_too_dear(form, estimate),
        "is_short": quote is not None and estimate.free < quote.cost,
        "left": estimate.free - quote.cost if quote else None,
        "may_pay": request.membership.can(Permission.BILLING_READ),
        "crumbs": _crumbs(request),
        "nav_section": SECTION,
    }
    return render_page(request, "studio/job_check.html", context, partial="job-quote")


def _numbers(form: JobForm, estimate: Estimate) -> Hyperparameters | None:
    """Return what "auto" comes to; nothing while the dataset is not known."""
    if estimate.epochs is None:
        return None
    return settled(
        form.hyperparameters,
        examples=estimate.dataset.examples,
        context_window=form.base.longest,
    )


def _form_page(request: TenantRequest, form: JobForm) -> HttpResponse:
    context = {"form": form, "crumbs": _crumbs(request), "nav_section": SECTION}
    status = 422 if form.is_bound else 200
    return render(request, "studio/job_create.html", context, status=status)


def _crumbs(request: TenantRequest) -> list[tuple[str, str]]:
    return [(_("Fine-tuning"), reverse("studio:job-list", args=[request.organization.slug]))]
