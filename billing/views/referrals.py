"""A customer's link, what came of it, and where it leads."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from billing import referred
from billing.models import Referral
from billing.services import referrals as services
from common.database import service
from tenants.access import TenantRequest, requires
from tenants.models import Permission
from tenants.services import sign_ups
from tenants.views.organizations import REFERRAL_COOKIE

PAGE_SIZE = 50
#: So long who followed a link can take to found an organization.
KEPT = 30 * 86_400


@require_safe
@never_cache
def follow(request: HttpRequest, code: str) -> HttpResponse:
    """Remember in the browser whose link it was, and lead on to signing up.

    Whether there is such a link is said to nobody.
    """
    is_known = request.user.is_authenticated
    answer = redirect("tenants:organization-create" if is_known else "account_signup")
    if sign_ups.REFERRAL.fullmatch(code):
        answer.set_cookie(
            REFERRAL_COOKIE,
            code,
            max_age=KEPT,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.BILLING_MANAGE, scoped=False)
def referrals(request: TenantRequest) -> HttpResponse:
    """Show the link and what it has brought; a POST makes it."""
    organization = request.organization
    with service():
        if request.method == "POST":
            services.code(organization, by=request.user)
            messages.success(request, _("This is your link. Send it to whoever may need us."))
            return redirect("billing:referrals", org=organization.slug)
        found = Referral.objects.filter(organization=organization).select_related("terms")
        context = {
            "summary": referred.summary(organization),
            "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
            "nav_section": "billing",
        }
        return render(request, "billing/referrals.html", context)
