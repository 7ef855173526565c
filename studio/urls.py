"""Addresses of the studio."""

from django.urls import path

from studio import api, learnt_api, model_api, shared_api
from studio.views import datasets, jobs, models, new_jobs

app_name = "studio"

JOB = "o/<slug:org>/studio/jobs/<uuid:job_id>/"
DATASET = "o/<slug:org>/studio/datasets/<uuid:dataset_id>/"

urlpatterns = [
    path("o/<slug:org>/studio/", jobs.job_list, name="job-list"),
    path("o/<slug:org>/studio/jobs/new/", new_jobs.job_create, name="job-create"),
    path(JOB, jobs.job_detail, name="job-detail"),
    path(f"{JOB}cancel/", jobs.job_cancel, name="job-cancel"),
    path(f"{JOB}model/deploy/", models.model_deploy, name="model-deploy"),
    path(f"{JOB}model/stop/", models.model_stop, name="model-stop"),
    path(f"{JOB}model/retire/", models.model_retire, name="model-retire"),
    path("o/<slug:org>/studio/datasets/", datasets.dataset_list, name="dataset-list"),
    path("o/<slug:org>/studio/datasets/new/", datasets.dataset_create, name="dataset-create"),
    path(
        "o/<slug:org>/studio/datasets/example.jsonl",
        datasets.dataset_sample,
        name="dataset-sample",
    ),
    path(DATASET, datasets.dataset_detail, name="dataset-detail"),
    path(f"{DATASET}mend/", datasets.dataset_mend, name="dataset-mend"),
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
    path("files/<str:file_id>/fixes", api.FileFixes.as_view()),
    path("files/<str:file_id>/validation", api.FileValidation.as_view()),
    path("models/<path:model>", model_api.ModelView.as_view()),
    path("fine_tuning/checkpoints/<path:model>/permissions", model_api.PermissionList.as_view()),
    path(
        "fine_tuning/checkpoints/<path:model>/permissions/<str:permission_id>",
        model_api.PermissionView.as_view(),
    ),
]

api_urlpatterns = [
    path("organizations/<slug:org>/tuned-models", shared_api.TunedModelList.as_view()),
    path(
        "organizations/<slug:org>/tuned-models/<uuid:model_id>",
        shared_api.TunedModelDetail.as_view(),
    ),
    path(
        "organizations/<slug:org>/tuned-models/<uuid:model_id>/deploy",
        shared_api.TunedModelDeploy.as_view(),
    ),
    path(
        "organizations/<slug:org>/tuned-models/<uuid:model_id>/stop",
        shared_api.TunedModelStop.as_view(),
    ),
    path(
        "organizations/<slug:org>/tuned-models/<uuid:model_id>/files",
        learnt_api.LearntFileList.as_view(),
    ),
    path(
        "organizations/<slug:org>/tuned-models/<uuid:model_id>/files/<path:path>",
        learnt_api.LearntFileContent.as_view(),
    ),
    path("organizations/<slug:org>/model-shares", shared_api.ShareList.as_view()),
    path("organizations/<slug:org>/model-shares/<uuid:share_id>", shared_api.ShareDetail.as_view()),
    path(
        "organizations/<slug:org>/model-shares/<uuid:share_id>/accept",
        shared_api.ShareAccept.as_view(),
    ),
]
