"""Addresses of files."""

from django.urls import path

from files import api

app_name = "files"

v1_urlpatterns = [
    path("files", api.FileList.as_view()),
    path("files/<str:file_id>", api.FileDetail.as_view()),
    path("files/<str:file_id>/content", api.FileContent.as_view()),
]
