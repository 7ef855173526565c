"""Addresses of the studio."""

from django.urls import path

from studio import api
from studio.views import datasets

app_name = "studio"

DATASET = "o/<slug:org>/studio/datasets/<uuid:dataset_id>/"

urlpatterns = [
    path("o/<slug:org>/studio/datasets/", datasets.dataset_list, name="dataset-list"),
    path("o/<slug:org>/studio/datasets/new/", datasets.dataset_create, name="dataset-create"),
    path(
        "o/<slug:org>/studio/datasets/example.jsonl",
        datasets.dataset_sample,
        name="dataset-sample",
    ),
    path(DATASET, datasets.dataset_detail, name="dataset-detail"),
    path(f"{DATASET}delete/", datasets.dataset_delete, name="dataset-delete"),
    path("o/<slug:org>/studio/files/<uuid:file_id>/", datasets.file_content, name="file-content"),
]

v1_urlpatterns = [
    path("fine_tuning/jobs", api.JobList.as_view()),
    path("fine_tuning/estimate", api.EstimateView.as_view()),
    path("fine_tuning/jobs/<str:job_id>", api.JobDetail.as_view()),
    path("fine_tuning/jobs/<str:job_id>/cancel", api.JobCancel.as_view()),
    path("fine_tuning/jobs/<str:job_id>/checkpoints", api.JobCheckpointList.as_view()),
    path("fine_tuning/jobs/<str:job_id>/events", api.JobEventList.as_view()),
    path("files/<str:file_id>/validation", api.FileValidation.as_view()),
]
