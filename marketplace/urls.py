"""Addresses of the catalogue, and of the operator's desk over it."""

from django.urls import path

from marketplace.views import (
    catalogue,
    staff_bundles,
    staff_models,
    staff_offers,
    staff_prices,
    staff_servers,
)

app_name = "marketplace"

urlpatterns = [
    path("models/", catalogue.catalogue, name="catalogue"),
    path("models/<slug:slug>/", catalogue.model_detail, name="model-detail"),
    path("pricing/", catalogue.pricing, name="pricing"),
]
public_urlpatterns = urlpatterns

staff_urlpatterns = [
    path("models/", staff_models.model_list, name="model-list"),
    path("models/new/", staff_models.model_create, name="model-create"),
    path("models/<uuid:model_id>/", staff_models.model_detail, name="model-detail"),
    path("models/<uuid:model_id>/preview/", staff_models.model_preview, name="model-preview"),
    path("models/<uuid:model_id>/edit/", staff_models.model_edit, name="model-edit"),
    path("models/<uuid:model_id>/publish/", staff_models.model_publish, name="model-publish"),
    path("models/<uuid:model_id>/deprecate/", staff_models.model_deprecate, name="model-deprecate"),
    path("models/<uuid:model_id>/retire/", staff_models.model_retire, name="model-retire"),
    path("offers/<uuid:offer_id>/", staff_offers.offer_edit, name="offer-edit"),
    path("offers/<uuid:offer_id>/routes/", staff_offers.route_add, name="route-add"),
    path(
        "offers/<uuid:offer_id>/routes/<uuid:route_id>/remove/",
        staff_offers.route_remove,
        name="route-remove",
    ),
    path("servers/", staff_servers.server_list, name="server-list"),
    path("servers/new/", staff_servers.server_create, name="server-create"),
    path("servers/<uuid:server_id>/", staff_servers.server_edit, name="server-edit"),
    path("servers/<uuid:server_id>/check/", staff_servers.server_check, name="server-check"),
    path("regions/new/", staff_servers.region_create, name="region-create"),
    path("bundles/", staff_bundles.bundle_list, name="bundle-list"),
    path("bundles/new/", staff_bundles.bundle_create, name="bundle-create"),
    path("bundles/<uuid:bundle_id>/sale/", staff_bundles.bundle_sale, name="bundle-sale"),
    path("prices/", staff_prices.price_list, name="price-list"),
    path("prices/<uuid:offer_id>/", staff_prices.price_change, name="price-change"),
]
