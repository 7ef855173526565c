"""What a job has made, as a private model: deployed, stopped and retired by its owners."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from common.errors import DomainError, NotFound, in_words
from studio import private_models
from studio.models import TunedModel
from studio.services import serving
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.scope import scope


@require_POST
@requires(Permission.STUDIO_MANAGE, scoped=False)
def model_deploy(request: TenantRequest, job_id: uuid.UUID) -> HttpResponse:
    """Have the model served; what stands against it is told."""
    try:
        serving.deploy(_made(request, job_id), by=request.user)
        messages.success(request, _("The model is being deployed."))
    except NotFound:
        raise
    except DomainError as refusal:
        messages.error(request, in_words(refusal))
    return redirect("studio:job-detail", org=request.organization.slug, job_id=job_id)


@require_POST
@requires(Permission.STUDIO_MANAGE, scoped=False)
def model_stop(request: TenantRequest, job_id: uuid.UUID) -> HttpResponse:
    """Have the model served no longer; it stays."""
    serving.undeploy(_made(request, job_id), by=request.user)
    messages.success(request, _("The model is not served any longer; it can be deployed again."))
    return redirect("studio:job-detail", org=request.organization.slug, job_id=job_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.STUDIO_MANAGE, scoped=False)
def model_retire(request: TenantRequest, job_id: uuid.UUID) -> HttpResponse:
    """Take the model away for good, once it was said what that means."""
    tuned = _made(request, job_id)
    if request.method == "POST":
        serving.retire(tuned, by=request.user)
        messages.success(request, _("The model is retired."))
        return redirect("studio:job-detail", org=request.organization.slug, job_id=job_id)
    slug = request.organization.slug
    context = {
        "tuned": tuned,
        "job_id": job_id,
        "crumbs": [
            (_("Fine-tuning"), reverse("studio:job-list", args=[slug])),
            (str(tuned), reverse("studio:job-detail", args=[slug, job_id])),
        ],
        "nav_section": "fine-tuning",
    }
    return render(request, "studio/model_retire.html", context)


def _made(request: TenantRequest, job_id: uuid.UUID) -> TunedModel:
    with scope(request.organization):
        tuned = private_models.tuned_models(request.organization).filter(job=job_id).first()
    if tuned is None:
        raise NotFound
    return tuned
