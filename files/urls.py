"""Addresses of files."""

from django.urls import path

from files import api, upload_api

app_name = "files"

v1_urlpatterns = [
    path("files", api.FileList.as_view()),
    path("files/<str:file_id>", api.FileDetail.as_view()),
    path("uploads", upload_api.UploadList.as_view()),
    path("uploads/<str:upload_id>", upload_api.UploadDetail.as_view()),
    path("uploads/<str:upload_id>/parts", upload_api.UploadParts.as_view()),
    path("uploads/<str:upload_id>/complete", upload_api.UploadCompletion.as_view()),
    path("uploads/<str:upload_id>/cancel", upload_api.UploadCancellation.as_view()),
    path("files/<str:file_id>/content", api.FileContent.as_view()),
]
