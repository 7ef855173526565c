"""The operator's desk: the site as it would look."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from common.database import service
from front import face
from front.models import SiteVersion
from portal.views import public
from tenants.access import StaffRequest, staff_required_outside


@require_safe
@staff_required_outside
def site_preview(request: StaffRequest, version_id: uuid.UUID) -> HttpResponse:
    """Show the landing page under a version; nobody else sees it."""
    with service():
        version = get_object_or_404(SiteVersion.objects.pictured(), pk=version_id)
    with face.previewing(version):
        response = public.landing(request)
    patch_cache_control(response, private=True, no_store=True)
    return response
