"""Addresses of the catalogue, and of the operator's desk over it."""

from django.urls import path

from marketplace import (
    access_api,
    book_api,
    catalogue_api,
    change_api,
    dossier_api,
    draft_api,
    group_api,
    move_api,
    route_api,
    server_api,
    server_change_api,
    service_api,
    staff_bundle_api,
    staff_model_api,
    staff_model_detail_api,
    staff_service_api,
    staff_tokenizer_api,
)
from marketplace.views import (
    access,
    catalogue,
    comparing,
    downloads,
    feed,
    playground,
    services,
    staff_access,
    staff_books,
    staff_bundles,
    staff_changes,
    staff_dossiers,
    staff_levels,
    staff_models,
    staff_offers,
    staff_prices,
    staff_server_changes,
    staff_servers,
    staff_services,
    staff_tokenizers,
    staff_versions,
    staff_viewers,
)

app_name = "marketplace"

urlpatterns = [
    path("models/", catalogue.catalogue, name="catalogue"),
    path("models/changes.atom", feed.Changes(), name="changes"),
    path("models/compare/", comparing.compare, name="compare"),
    path("models/<slug:slug>/", catalogue.model_detail, name="model-detail"),
    path("models/<slug:slug>/files/<slug:sha256>/", downloads.dossier_file, name="dossier-file"),
    path("pricing/", catalogue.pricing, name="pricing"),
    path("services/", services.service_list, name="service-list"),
    path("services/<slug:slug>/", services.service_detail, name="service-detail"),
    path("o/<slug:org>/services/", services.enabled_list, name="enabled-list"),
    path("o/<slug:org>/services/<slug:slug>/", services.service_page, name="service"),
    path(
        "o/<slug:org>/services/<slug:slug>/enable/", services.service_enable, name="service-enable"
    ),
    path(
        "o/<slug:org>/services/<slug:slug>/disable/",
        services.service_disable,
        name="service-disable",
    ),
    path("o/<slug:org>/models/<slug:slug>/access/", access.access_page, name="access"),
    path("o/<slug:org>/models/<slug:slug>/terms/", access.terms_accept, name="terms-accept"),
    path("o/<slug:org>/models/<slug:slug>/ask/", access.access_request, name="access-request"),
    path("o/<slug:org>/playground/", playground.playground_page, name="playground"),
    path("o/<slug:org>/playground/pass/", playground.playground_pass, name="playground-pass"),
    path("o/<slug:org>/playground/code/", playground.playground_code, name="playground-code"),
    path("o/<slug:org>/playground/chats/<uuid:chat_id>/", playground.chat_keep, name="chat-keep"),
    path(
        "o/<slug:org>/playground/chats/<uuid:chat_id>/delete/",
        playground.chat_delete,
        name="chat-delete",
    ),
]

VERSION = "staff/price-books/<slug:code>/versions/<int:number>"

api_urlpatterns = [
    path("models", catalogue_api.ModelList.as_view()),
    path("models/compare", catalogue_api.Comparison.as_view()),
    path("models/changes", catalogue_api.ChangeFeed.as_view()),
    path("models/<slug:slug>", catalogue_api.ModelDetail.as_view()),
    path("models/<slug:slug>/similar", catalogue_api.SimilarModels.as_view()),
    path("staff/models/<slug:slug>/service-levels", change_api.LevelList.as_view()),
    path("staff/models/<slug:slug>/changes", change_api.Proposals.as_view()),
    path("staff/models", staff_model_api.StaffModelList.as_view()),
    path("staff/models/<slug:slug>", staff_model_detail_api.StaffModelDetail.as_view()),
    path("staff/models/<slug:slug>/preview", staff_model_detail_api.StaffModelPreview.as_view()),
    path("staff/models/<slug:slug>/files", dossier_api.DossierFileList.as_view()),
    path("staff/models/<slug:slug>/files/<slug:sha256>", dossier_api.DossierFileDetail.as_view()),
    path(
        "staff/models/<slug:slug>/files/<slug:sha256>/show", dossier_api.DossierFileShow.as_view()
    ),
    path(
        "staff/models/<slug:slug>/files/<slug:sha256>/hide", dossier_api.DossierFileHide.as_view()
    ),
    path(
        "staff/models/<slug:slug>/versions/<uuid:version_id>/tokenizer",
        staff_tokenizer_api.VersionTokenizer.as_view(),
    ),
    path("staff/model-changes", change_api.ChangeList.as_view()),
    path("staff/model-changes/<uuid:change_id>", change_api.ChangeDetail.as_view()),
    path("staff/model-changes/<uuid:change_id>/approve", change_api.Approval.as_view()),
    path("staff/model-changes/<uuid:change_id>/refuse", change_api.Refusal.as_view()),
    path("staff/model-changes/<uuid:change_id>/withdraw", change_api.Withdrawal.as_view()),
    path("organizations/<slug:org>/models/<slug:slug>/access", access_api.Access.as_view()),
    path("organizations/<slug:org>/models/<slug:slug>/terms", access_api.Terms.as_view()),
    path("organizations/<slug:org>/services", service_api.ServiceList.as_view()),
    path("organizations/<slug:org>/services/<slug:slug>", service_api.ServiceDetail.as_view()),
    path("staff/services", staff_service_api.StaffServiceList.as_view()),
    path("staff/services/<slug:slug>", staff_service_api.StaffServiceDetail.as_view()),
    path("staff/services/<slug:slug>/changes", staff_service_api.ServiceProposals.as_view()),
    path("staff/service-changes", staff_service_api.ServiceChangeList.as_view()),
    path("staff/service-changes/<uuid:change_id>", staff_service_api.ServiceChangeDetail.as_view()),
    path(
        "staff/service-changes/<uuid:change_id>/approve",
        staff_service_api.ServiceApproval.as_view(),
    ),
    path(
        "staff/service-changes/<uuid:change_id>/refuse", staff_service_api.ServiceRefusal.as_view()
    ),
    path(
        "staff/service-changes/<uuid:change_id>/withdraw",
        staff_service_api.ServiceWithdrawal.as_view(),
    ),
    path("staff/regions", server_api.RegionList.as_view()),
    path("staff/servers", server_api.ServerList.as_view()),
    path("staff/servers/<uuid:server_id>", server_api.ServerDetail.as_view()),
    path("staff/servers/<uuid:server_id>/health", server_api.ServerHealth.as_view()),
    path("staff/servers/<uuid:server_id>/probe", server_api.ServerProbe.as_view()),
    path("staff/routes", route_api.RouteList.as_view()),
    path("staff/routes/<uuid:route_id>", route_api.RouteDetail.as_view()),
    path("staff/routes/<uuid:route_id>/promote", route_api.RoutePromotion.as_view()),
    path("staff/server-changes", server_change_api.ServerChangeList.as_view()),
    path("staff/server-changes/<uuid:change_id>", server_change_api.ServerChangeDetail.as_view()),
    path(
        "staff/server-changes/<uuid:change_id>/probe",
        server_change_api.ServerChangeProbe.as_view(),
    ),
    path(
        "staff/server-changes/<uuid:change_id>/approve",
        server_change_api.ServerChangeApproval.as_view(),
    ),
    path(
        "staff/server-changes/<uuid:change_id>/refuse",
        server_change_api.ServerChangeRefusal.as_view(),
    ),
    path(
        "staff/server-changes/<uuid:change_id>/withdraw",
        server_change_api.ServerChangeWithdrawal.as_view(),
    ),
    path("staff/access-requests", access_api.RequestList.as_view()),
    path("staff/access-requests/<uuid:request_id>", access_api.RequestDetail.as_view()),
    path("staff/customer-groups", group_api.GroupList.as_view()),
    path("staff/customer-groups/<slug:code>", group_api.GroupDetail.as_view()),
    path(
        "staff/customer-groups/<slug:code>/customers/<slug:slug>",
        group_api.GroupMembership.as_view(),
    ),
    path("staff/bundles", staff_bundle_api.StaffBundleList.as_view()),
    path("staff/bundles/<uuid:bundle_id>", staff_bundle_api.StaffBundleDetail.as_view()),
    path("staff/price-books", book_api.BookList.as_view()),
    path("staff/price-books/<slug:code>", book_api.BookDetail.as_view()),
    path("staff/price-books/<slug:code>/audience", move_api.BookAudience.as_view()),
    path("staff/price-books/<slug:code>/end", move_api.BookEnd.as_view()),
    path("staff/price-moves", move_api.MoveList.as_view()),
    path("staff/price-moves/<uuid:move_id>/withdraw", move_api.MoveWithdrawal.as_view()),
    path("staff/price-books/<slug:code>/versions", book_api.VersionList.as_view()),
    path(VERSION, book_api.VersionDetail.as_view()),
    path(f"{VERSION}/prices.csv", draft_api.DraftFile.as_view()),
    path(f"{VERSION}/prices", draft_api.DraftPrices.as_view()),
    path(f"{VERSION}/adjust", draft_api.DraftAdjust.as_view()),
    path(f"{VERSION}/publish", book_api.VersionPublish.as_view()),
    path(f"{VERSION}/withdraw", book_api.VersionWithdraw.as_view()),
]

staff_urlpatterns = [
    path("models/", staff_models.model_list, name="model-list"),
    path("models/new/", staff_models.model_create, name="model-create"),
    path("models/<uuid:model_id>/", staff_models.model_detail, name="model-detail"),
    path("models/<uuid:model_id>/preview/", staff_models.model_preview, name="model-preview"),
    path("models/<uuid:model_id>/edit/", staff_models.model_edit, name="model-edit"),
    path("models/<uuid:model_id>/access/", staff_access.model_access, name="model-access"),
    path("models/<uuid:model_id>/viewers/", staff_viewers.model_viewers, name="model-viewers"),
    path("access/", staff_access.request_list, name="access-list"),
    path("access/<uuid:request_id>/", staff_access.request_decide, name="access-decide"),
    path("models/<uuid:model_id>/publish/", staff_models.model_publish, name="model-publish"),
    path("models/<uuid:model_id>/deprecate/", staff_models.model_deprecate, name="model-deprecate"),
    path("models/<uuid:model_id>/retire/", staff_models.model_retire, name="model-retire"),
    path("models/<uuid:model_id>/dossier/", staff_dossiers.model_dossier, name="model-dossier"),
    path("models/<uuid:model_id>/dossier/files/", staff_dossiers.file_attach, name="file-attach"),
    path(
        "models/<uuid:model_id>/dossier/files/<slug:sha256>/",
        staff_dossiers.file_download,
        name="file-download",
    ),
    *(
        path(
            f"models/<uuid:model_id>/dossier/files/<slug:sha256>/{act}/",
            staff_dossiers.file_act,
            {"act": act},
            name=f"file-{act}",
        )
        for act in staff_dossiers.FILE_ACTS
    ),
    path("changes/", staff_changes.change_list, name="change-list"),
    path("changes/<uuid:change_id>/", staff_changes.change_detail, name="change-detail"),
    path("changes/<uuid:change_id>/approve/", staff_changes.change_approve, name="change-approve"),
    path("changes/<uuid:change_id>/refuse/", staff_changes.change_refuse, name="change-refuse"),
    path(
        "changes/<uuid:change_id>/take-back/",
        staff_changes.change_take_back,
        name="change-take-back",
    ),
    path(
        "tokenizers/<uuid:version_id>/", staff_tokenizers.tokenizer_attach, name="tokenizer-attach"
    ),
    path(
        "tokenizers/<uuid:version_id>/remove/",
        staff_tokenizers.tokenizer_remove,
        name="tokenizer-remove",
    ),
    path("offers/<uuid:offer_id>/", staff_offers.offer_edit, name="offer-edit"),
    path("offers/<uuid:offer_id>/level/", staff_levels.level_propose, name="level-propose"),
    path("offers/<uuid:offer_id>/routes/", staff_offers.route_add, name="route-add"),
    path(
        "offers/<uuid:offer_id>/routes/<uuid:route_id>/name/",
        staff_offers.route_rename,
        name="route-rename",
    ),
    path(
        "offers/<uuid:offer_id>/routes/<uuid:route_id>/remove/",
        staff_offers.route_remove,
        name="route-remove",
    ),
    path(
        "offers/<uuid:offer_id>/routes/<uuid:route_id>/share/",
        staff_offers.route_share,
        name="route-share",
    ),
    path(
        "offers/<uuid:offer_id>/routes/<uuid:route_id>/promote/",
        staff_offers.route_promote,
        name="route-promote",
    ),
    path("servers/", staff_servers.server_list, name="server-list"),
    path("servers/new/", staff_servers.server_create, name="server-create"),
    path("servers/<uuid:server_id>/", staff_servers.server_edit, name="server-edit"),
    path("servers/<uuid:server_id>/check/", staff_servers.server_check, name="server-check"),
    path(
        "server-changes/<uuid:change_id>/",
        staff_server_changes.change_detail,
        name="server-change",
    ),
    path(
        "server-changes/<uuid:change_id>/probe/",
        staff_server_changes.change_probe,
        name="server-change-probe",
    ),
    path(
        "server-changes/<uuid:change_id>/approve/",
        staff_server_changes.change_approve,
        name="server-change-approve",
    ),
    path(
        "server-changes/<uuid:change_id>/refuse/",
        staff_server_changes.change_refuse,
        name="server-change-refuse",
    ),
    path(
        "server-changes/<uuid:change_id>/take-back/",
        staff_server_changes.change_take_back,
        name="server-change-take-back",
    ),
    path("services/", staff_services.service_list, name="service-list"),
    path("services/new/", staff_services.service_create, name="service-create"),
    path("services/<uuid:service_id>/", staff_services.service_detail, name="service-detail"),
    path("services/<uuid:service_id>/edit/", staff_services.service_edit, name="service-edit"),
    path(
        "services/<uuid:service_id>/submit/", staff_services.service_submit, name="service-submit"
    ),
    path(
        "services/<uuid:service_id>/last-day/",
        staff_services.service_last_day,
        name="service-last-day",
    ),
    path(
        "services/<uuid:service_id>/retire/", staff_services.service_retire, name="service-retire"
    ),
    path(
        "service-changes/<uuid:change_id>/",
        staff_services.service_change,
        name="service-change",
    ),
    path(
        "service-changes/<uuid:change_id>/approve/",
        staff_services.change_approve,
        name="service-change-approve",
    ),
    path(
        "service-changes/<uuid:change_id>/refuse/",
        staff_services.change_refuse,
        name="service-change-refuse",
    ),
    path(
        "service-changes/<uuid:change_id>/take-back/",
        staff_services.change_take_back,
        name="service-change-take-back",
    ),
    path("regions/new/", staff_servers.region_create, name="region-create"),
    path("bundles/", staff_bundles.bundle_list, name="bundle-list"),
    path("bundles/new/", staff_bundles.bundle_create, name="bundle-create"),
    path("bundles/<uuid:bundle_id>/sale/", staff_bundles.bundle_sale, name="bundle-sale"),
    path("prices/", staff_prices.price_list, name="price-list"),
    path("prices/<uuid:offer_id>/", staff_prices.price_change, name="price-change"),
    path("books/", staff_books.book_list, name="book-list"),
    path("books/new/", staff_books.book_create, name="book-create"),
    path("books/<uuid:book_id>/", staff_books.book_detail, name="book-detail"),
    path("books/<uuid:book_id>/draft/", staff_books.book_draft, name="book-draft"),
    path("books/<uuid:book_id>/audience/", staff_books.book_audience, name="book-audience"),
    path("books/<uuid:book_id>/retire/", staff_books.book_retire, name="book-retire"),
    path("price-moves/", staff_books.move_list, name="move-list"),
    path(
        "price-moves/<uuid:move_id>/take-back/", staff_books.move_take_back, name="move-take-back"
    ),
    path("groups/", staff_books.group_list, name="group-list"),
    path("groups/<uuid:group_id>/", staff_books.group_detail, name="group-detail"),
    path("groups/<uuid:group_id>/leave/", staff_books.group_leave, name="group-leave"),
    path("versions/<uuid:version_id>/", staff_versions.version_detail, name="version-detail"),
    path("versions/<uuid:version_id>/price/", staff_versions.version_price, name="version-price"),
    path(
        "versions/<uuid:version_id>/take-out/",
        staff_versions.version_take_out,
        name="version-take-out",
    ),
    path(
        "versions/<uuid:version_id>/adjust/", staff_versions.version_adjust, name="version-adjust"
    ),
    path(
        "versions/<uuid:version_id>/publish/",
        staff_versions.version_publish,
        name="version-publish",
    ),
    path(
        "versions/<uuid:version_id>/withdraw/",
        staff_versions.version_withdraw,
        name="version-withdraw",
    ),
    path(
        "versions/<uuid:version_id>/discard/",
        staff_versions.version_discard,
        name="version-discard",
    ),
    path("versions/<uuid:version_id>/prices.csv", staff_versions.version_csv, name="version-csv"),
    path(
        "versions/<uuid:version_id>/import/", staff_versions.version_import, name="version-import"
    ),
]
