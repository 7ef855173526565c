"""Addresses of the studio."""

from django.urls import path

from studio import api

app_name = "studio"

v1_urlpatterns = [
    path("fine_tuning/jobs", api.JobList.as_view()),
    path("fine_tuning/estimate", api.EstimateView.as_view()),
    path("fine_tuning/jobs/<str:job_id>", api.JobDetail.as_view()),
    path("fine_tuning/jobs/<str:job_id>/cancel", api.JobCancel.as_view()),
    path("fine_tuning/jobs/<str:job_id>/checkpoints", api.JobCheckpointList.as_view()),
    path("fine_tuning/jobs/<str:job_id>/events", api.JobEventList.as_view()),
    path("files/<str:file_id>/validation", api.FileValidation.as_view()),
]
