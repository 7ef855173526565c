"""Addresses of what the operator says of itself, and of where staff write it."""

from django.urls import path

from front import staff_incident_api, staff_site_api
from front.api import Announcements, ServiceStatus
from front.subscription_api import OwnStatusMail, StaffStatusMail, StatusMail, StatusMailErase
from front.views import (
    announcements,
    staff_incidents,
    staff_legal,
    staff_site,
    status,
    subscriptions,
)

urlpatterns = [
    path("status/incidents/<uuid:incident_id>/", status.incident, name="incident"),
    path(
        "announcements/<uuid:announcement_id>/dismiss/",
        announcements.dismiss,
        name="announcement-dismiss",
    ),
    path("status/mail/", subscriptions.subscribe, name="status-mail"),
    path("status/mail/confirm/<str:token>/", subscriptions.confirm, name="status-mail-confirm"),
    path("status/mail/<str:token>/", subscriptions.own, name="status-mail-own"),
    path("status/mail/<str:token>/end/", subscriptions.end, name="status-mail-end"),
    path("accounts/status-mail/", subscriptions.account, name="account-status-mail"),
    path("status/feed.atom", status.StatusFeed(), name="status-feed"),
]

api_urlpatterns = [
    path("status", ServiceStatus.as_view(), name="api-status"),
    path("announcements", Announcements.as_view(), name="api-announcements"),
    path("status/mail", StatusMail.as_view(), name="api-status-mail"),
    path("me/status-mail", OwnStatusMail.as_view(), name="api-own-status-mail"),
    path("staff/status-mail", StaffStatusMail.as_view()),
    path("staff/status-mail/erase", StatusMailErase.as_view()),
    path("staff/incidents", staff_incident_api.StaffIncidents.as_view()),
    path("staff/incidents/maintenance", staff_incident_api.StaffMaintenance.as_view()),
    path("staff/incidents/<uuid:incident_id>", staff_incident_api.StaffIncident.as_view()),
    path(
        "staff/incidents/<uuid:incident_id>/updates",
        staff_incident_api.StaffIncidentUpdates.as_view(),
    ),
    path("staff/announcements", staff_incident_api.StaffAnnouncements.as_view()),
    path(
        "staff/announcements/<uuid:announcement_id>/withdraw",
        staff_incident_api.AnnouncementWithdrawal.as_view(),
    ),
    path("staff/site", staff_site_api.StaffSite.as_view()),
    path("staff/site/<uuid:version_id>/publish", staff_site_api.SitePublication.as_view()),
    path("staff/site/<uuid:version_id>/discard", staff_site_api.SiteDiscard.as_view()),
    path("staff/site/<uuid:version_id>/restore", staff_site_api.SiteRestoration.as_view()),
    path("staff/legal", staff_site_api.StaffLegal.as_view()),
    path("staff/legal/<uuid:text_id>", staff_site_api.LegalDetail.as_view()),
    path("staff/legal/<uuid:text_id>/approve", staff_site_api.LegalApproval.as_view()),
    path("staff/legal/<uuid:text_id>/refuse", staff_site_api.LegalRefusal.as_view()),
    path("staff/legal/<uuid:text_id>/withdraw", staff_site_api.LegalWithdrawal.as_view()),
]

staff_urlpatterns = [
    path("announcements/", announcements.announcement_list, name="announcement-list"),
    path("announcements/new/", announcements.announcement_create, name="announcement-create"),
    path(
        "announcements/<uuid:announcement_id>/withdraw/",
        announcements.announcement_withdraw,
        name="announcement-withdraw",
    ),
    path("incidents/", staff_incidents.incident_list, name="incident-list"),
    path("incidents/new/", staff_incidents.incident_create, name="incident-create"),
    path("incidents/mail/", staff_incidents.status_mail, name="status-mail"),
    path("incidents/maintenance/", staff_incidents.maintenance_create, name="maintenance-create"),
    path("incidents/<uuid:incident_id>/", staff_incidents.incident_detail, name="incident-detail"),
    path("site/", staff_site.site_edit, name="site"),
    path("site/<uuid:version_id>/publish/", staff_site.site_publish, name="site-publish"),
    path("site/<uuid:version_id>/discard/", staff_site.site_discard, name="site-discard"),
    path("site/<uuid:version_id>/restore/", staff_site.site_restore, name="site-restore"),
    path("legal/", staff_legal.legal_list, name="legal-list"),
    path("legal/new/<slug:kind>/", staff_legal.legal_propose, name="legal-propose"),
    path("legal/<uuid:text_id>/", staff_legal.legal_detail, name="legal-detail"),
    path("legal/<uuid:text_id>/approve/", staff_legal.legal_approve, name="legal-approve"),
    path("legal/<uuid:text_id>/refuse/", staff_legal.legal_refuse, name="legal-refuse"),
    path("legal/<uuid:text_id>/take-back/", staff_legal.legal_take_back, name="legal-take-back"),
]
