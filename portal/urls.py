"""Every address of the portal."""

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import billing.urls
import files.urls
import front.urls
import gateway.urls
import marketplace.urls
import metering.urls
import portal.staff_urls
import studio.urls
import tenants.urls
from front.views import theme
from gateway.app import ENDPOINTS
from portal.views import discovery, health, mailbox, pages, public, reference, styleguide, usage
from portal.views.staff import site
from tenants.key_api import Nothing

own = (
    [
        path("", public.landing, name="landing"),
        path("docs/", reference.api_reference, name="api-reference"),
        path("status/", public.status, name="status"),
        path("terms/", public.terms, name="terms"),
        path("privacy/", public.privacy, name="privacy"),
        path("legal/<slug:kind>/", public.legal_page, name="legal"),
        path("legal/<slug:kind>/<str:version>/", public.legal_version, name="legal-version"),
        path("mailbox/", mailbox.messages, name="mailbox"),
        path("o/<slug:org>/", pages.dashboard, name="dashboard"),
        path("o/<slug:org>/onboarding/", pages.onboarding, name="onboarding"),
        path("o/<slug:org>/usage/", usage.usage, name="usage"),
        path("o/<slug:org>/usage.csv", usage.usage_csv, name="usage-csv"),
        path(
            "o/<slug:org>/usage/<path:request_id>/proof.json", usage.usage_proof, name="usage-proof"
        ),
        path("o/<slug:org>/usage/<path:request_id>/", usage.usage_request, name="usage-request"),
    ],
    "portal",
)

desk = (
    [
        *portal.staff_urls.urlpatterns,
        path("site/<uuid:version_id>/preview/", site.site_preview, name="site-preview"),
        *front.urls.staff_urlpatterns,
        *tenants.urls.staff_urlpatterns,
        *marketplace.urls.staff_urlpatterns,
        *billing.urls.staff_urlpatterns,
    ],
    "staff",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("theme.css", theme.theme_css, name="theme-css"),
    path("pictures/<str:digest>", theme.picture, name="picture"),
    path("site.webmanifest", theme.manifest, name="manifest"),
    path("operator-logo", theme.operator_logo, name="operator-logo"),
    path("favicon.ico", theme.favicon, name="favicon"),
    path("sitemap.xml", discovery.sitemap, name="sitemap"),
    path("social/site.png", discovery.site_picture, name="social-site"),
    path("social/models/<slug:slug>.png", discovery.model_picture, name="social-model"),
    path("robots.txt", public.robots, name="robots"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("api/v1/", include(tenants.urls.api_urlpatterns)),
    path("api/v1/", include(front.urls.api_urlpatterns)),
    path("api/v1/", include(metering.urls.api_urlpatterns)),
    path("api/v1/", include(billing.urls.api_urlpatterns)),
    path("api/v1/", include(marketplace.urls.api_urlpatterns)),
    path("api/v1/", include(studio.urls.api_urlpatterns)),
    path("api/v1/", include(portal.staff_urls.api_urlpatterns)),
    path("v1/", include(files.urls.v1_urlpatterns)),
    path("v1/", include(gateway.urls.v1_urlpatterns)),
    path("v1/", include(studio.urls.v1_urlpatterns)),
    path("v1/<path:rest>", Nothing.as_view()),
    *(path(endpoint.removeprefix("/v1/"), Nothing.as_view()) for endpoint in ENDPOINTS),
    path("files", Nothing.as_view()),
    path("batches", Nothing.as_view()),
    path("staff/", include(desk)),
    path("", include("front.urls")),
    path("", include("billing.urls")),
    path("", include("marketplace.urls")),
    path("", include("studio.urls")),
    path("", include("tenants.urls")),
    path("", include(own)),
]

handler400 = "portal.views.errors.bad_request"
handler403 = "portal.views.errors.permission_denied"
handler404 = "portal.views.errors.not_found"
handler500 = "portal.views.errors.server_error"
