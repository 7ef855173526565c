"""Addresses of the gateway that Django serves; inference is served without it."""

from django.urls import path

from gateway.batches import api

app_name = "gateway"

v1_urlpatterns = [
    path("batches", api.BatchList.as_view()),
    path("batches/<str:batch_id>", api.BatchDetail.as_view()),
    path("batches/<str:batch_id>/cancel", api.BatchCancel.as_view()),
]
