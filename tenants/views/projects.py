"""Projects: the list, a new one, and the limits of each."""

import copy
import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tenants.access import TenantRequest, requires
from tenants.limit_forms import ProjectForm
from tenants.models import Permission
from tenants.queries import projects_of
from tenants.services import projects


@require_safe
@requires(Permission.SETTINGS_READ)
def project_list(request: TenantRequest) -> HttpResponse:
    """List the projects with their limits and how many keys each has."""
    context = {
        "projects": projects_of(request.organization),
        "may_manage": request.membership.can(Permission.SETTINGS_MANAGE),
        "nav_section": "projects",
    }
    return render(request, "tenants/project_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def project_create(request: TenantRequest) -> HttpResponse:
    """Make a project."""
    form = ProjectForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        project = projects.create(request.organization, by=request.user, **form.cleaned_data)
        messages.success(request, _("“%(name)s” is made.") % {"name": project.name})
        return redirect("tenants:project-list", org=request.organization.slug)
    return _form_page(request, form, _("New project"))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS_MANAGE)
def project_edit(request: TenantRequest, project_id: uuid.UUID) -> HttpResponse:
    """Change a project's name and limits."""
    project = get_object_or_404(request.organization.projects, pk=project_id)
    posted = request.POST if request.method == "POST" else None
    form = ProjectForm(posted, instance=copy.copy(project))
    del form.fields["project_id"]
    if form.is_valid():
        project = projects.change(project, by=request.user, **form.cleaned_data)
        messages.success(request, _("“%(name)s” is saved.") % {"name": project.name})
        return redirect("tenants:project-list", org=request.organization.slug)
    return _form_page(request, form, project.name)


def _form_page(request: TenantRequest, form: ProjectForm, title: str) -> HttpResponse:
    context = {
        "form": form,
        "heading": title,
        "crumbs": [
            (_("Projects"), reverse("tenants:project-list", args=[request.organization.slug]))
        ],
        "nav_section": "projects",
    }
    status = 422 if form.is_bound else 200
    return render(request, "tenants/project_form.html", context, status=status)
