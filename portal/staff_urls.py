"""Addresses of the operator's desk that show several apps at once."""

from django.urls import path

from portal.views.staff import audit, customers, meters, overview

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("second-factor/", overview.second_factor, name="second-factor"),
    path("audit/", audit.audit_log, name="audit-log"),
    path("meters/", meters.conflict_list, name="conflict-list"),
    path("customers/", customers.customer_list, name="customer-list"),
    path("customers/<slug:slug>/", customers.customer_detail, name="customer-detail"),
    path("customers/<slug:slug>/credit/", customers.credit_grant, name="credit-grant"),
    path("customers/<slug:slug>/limits/", customers.customer_limits, name="customer-limits"),
    path("customers/<slug:slug>/status/", customers.customer_status, name="customer-status"),
]
