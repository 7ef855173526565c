"""Addresses of metering."""

from django.urls import path

from metering import api

app_name = "metering"

api_urlpatterns = [path("organizations/<slug:org>/usage", api.UsageDetail.as_view())]
