"""Files of models' dossiers over the management API, for the operator's staff."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.database import service
from common.errors import NotFound
from marketplace import dossiers, showcase
from marketplace.change_api import OutsideView, ProposalOut
from marketplace.dossier_files import DossierFile
from marketplace.forms.dossiers import DossierFileForm
from marketplace.models import AIModel, ModelChange
from marketplace.proposing import valid
from marketplace.services import curation
from marketplace.services import dossiers as services
from marketplace.views.downloads import sent
from tenants.staff_api import StaffView


class DossierFileOut(serializers.Serializer[Any]):
    """A file of a dossier, by the hash of what is in it; staff alone has it until it is shown."""

    sha256 = serializers.CharField()
    name = serializers.CharField()
    about = serializers.CharField()
    type = serializers.CharField()
    size = serializers.IntegerField(source="bytes", help_text="In bytes.")
    is_public = serializers.BooleanField()


class DossierFileIn(serializers.Serializer[Any]):
    """A file to keep: PDF, CSV, JSON or Markdown, 20 MB at most."""

    file = serializers.FileField()
    about = serializers.CharField(max_length=150)


class DossierFileList(OutsideView):
    """The files of a model's dossier."""

    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="staff_dossier_files", responses=DossierFileOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List them, those that customers may have and the others."""
        with service():
            return Response(DossierFileOut(dossiers.files(_model(slug)), many=True).data)

    @extend_schema(
        operation_id="staff_dossier_file_attach",
        request={"multipart/form-data": DossierFileIn},
        responses={201: DossierFileOut},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Keep a file; the same again is refused."""
        wanted = DossierFileIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        form = valid(DossierFileForm(wanted.validated_data, wanted.validated_data), {})
        with service():
            model = _model(slug)
        file, about = form.cleaned_data["file"], form.cleaned_data["about"]
        services.attach(model.pk, file, about=about, by=self.user)
        file.seek(0)
        sha256 = hashlib.sha256(file.read()).hexdigest()
        with service():
            return Response(DossierFileOut(_file(model, sha256)).data, status=201)


class DossierFileDetail(StaffView):
    """One file."""

    @extend_schema(operation_id="staff_dossier_file", responses={(200, "*/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, slug: str, sha256: str) -> HttpResponse:
        """Send the file."""
        return sent(_file(_model(slug), sha256))

    @extend_schema(operation_id="staff_dossier_file_remove", responses={204: None})
    def delete(self, request: Request, slug: str, sha256: str) -> Response:
        """Take a file out that customers cannot have, and that nobody proposes to show."""
        services.remove(_model(slug), sha256, by=self.user)
        return Response(status=204)


class _Act(StaffView):
    """What customers may have."""

    def proposed(self, act: Callable[..., ModelChange | None], slug: str, sha256: str) -> Response:
        """Do it, or propose it where customers see the model."""
        change = act(_model(slug), sha256, by=self.user)
        facts = {"is_done": change is None, "change": change}
        return Response(ProposalOut(facts).data, status=201 if change else 200)


class DossierFileShow(_Act):
    """Letting customers have a file."""

    @extend_schema(
        operation_id="staff_dossier_file_show",
        request=None,
        responses={200: ProposalOut, 201: ProposalOut},
    )
    def post(self, request: Request, slug: str, sha256: str) -> Response:
        """Show it to customers; of a model that they see, once a colleague approves."""
        return self.proposed(curation.show_file, slug, sha256)


class DossierFileHide(_Act):
    """Letting customers have a file no more."""

    @extend_schema(
        operation_id="staff_dossier_file_hide",
        request=None,
        responses={200: ProposalOut, 201: ProposalOut},
    )
    def post(self, request: Request, slug: str, sha256: str) -> Response:
        """Hide it from customers; of a model that they see, once a colleague approves."""
        return self.proposed(curation.hide_file, slug, sha256)


def _model(slug: str) -> AIModel:
    found = showcase.all_models().filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def _file(model: AIModel, sha256: str) -> DossierFile:
    for file in dossiers.files(model):
        if file.sha256 == sha256:
            return file
    raise NotFound
