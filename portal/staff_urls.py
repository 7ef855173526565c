"""Addresses of the operator's desk that show several apps at once."""

from django.urls import path

from portal import staff_api, staff_customer_api, staff_meter_api
from portal.views.staff import audit, customers, meters, overview, signals, support

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("exports/", overview.export_list, name="export-list"),
    path("exports/<slug:table>.<slug:form>", overview.export, name="export"),
    path("second-factor/", overview.second_factor, name="second-factor"),
    path("audit/", audit.audit_log, name="audit-log"),
    path("meters/", meters.conflict_list, name="conflict-list"),
    path("customers/", customers.customer_list, name="customer-list"),
    path("customers/<slug:slug>/", customers.customer_detail, name="customer-detail"),
    path("customers/<slug:slug>/credit/", customers.credit_grant, name="credit-grant"),
    path("customers/<slug:slug>/limits/", customers.customer_limits, name="customer-limits"),
    path("customers/<slug:slug>/notes/", customers.note_write, name="note-write"),
    path("customers/<slug:slug>/notes/<uuid:note_id>/pin/", customers.note_pin, name="note-pin"),
    path("customers/<slug:slug>/timeline/", customers.customer_timeline, name="customer-timeline"),
    path("customers/<slug:slug>/support/", support.customer_support, name="customer-support"),
    path("signals/", signals.signal_list, name="signal-list"),
    path("signals/<uuid:signal_id>/", signals.signal_detail, name="signal-detail"),
    path("signals/amounts/<slug:currency>/", signals.spend_alarm, name="spend-alarm"),
    path("support/", support.support_list, name="support-list"),
    path("support/<uuid:access_id>/enter/", support.support_enter, name="support-enter"),
    path("support/<uuid:access_id>/end/", support.support_end, name="support-end"),
    *(
        path(
            f"support/<uuid:access_id>/{act}/",
            support.support_decide,
            {"act": act},
            name=f"support-{act}",
        )
        for act in ("grant", "refuse")
    ),
    path("customers/<slug:slug>/status/", customers.customer_status, name="customer-status"),
]

api_urlpatterns = [
    path("staff/overview", staff_api.DeskOverview.as_view()),
    path("staff/exports/<slug:table>.<slug:form>", staff_api.DeskExport.as_view()),
    path("staff/meter-conflicts", staff_meter_api.MeterConflictList.as_view()),
    path("staff/sealing", staff_meter_api.Sealing.as_view()),
    path("staff/customers", staff_customer_api.CustomerList.as_view()),
    path("staff/customers/<slug:slug>", staff_customer_api.CustomerDetail.as_view()),
    path("staff/customers/<slug:slug>/timeline", staff_customer_api.CustomerTimeline.as_view()),
]
