"""What a job has learnt, taken away over the management API."""

import uuid
from dataclasses import asdict
from typing import Any

from django.http import Http404, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common import streams
from studio import learnt
from studio.shared_api import ModelsView
from tenants.models import Permission
from tenants.scope import scope
from tenants.services import audit


class LearntFileOut(serializers.Serializer[Any]):
    """One file of an adapter or of a model."""

    path = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(allow_null=True)


class LearntFileList(ModelsView):
    """The files of a private model."""

    permissions = {"GET": Permission.STUDIO_READ}

    @extend_schema(responses=LearntFileOut(many=True))
    def get(self, request: Request, org: str, model_id: uuid.UUID) -> Response:
        """List them: the adapter or the model, and what was merged of it to be served."""
        with scope(self.organization):
            found = learnt.files(self.tuned(model_id))
        return Response([LearntFileOut(asdict(file)).data for file in found])


class LearntFileContent(ModelsView):
    """One of them."""

    permissions = {"GET": Permission.STUDIO_MANAGE}

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(
        self, request: Request, org: str, model_id: uuid.UUID, path: str
    ) -> StreamingHttpResponse:
        """Stream it; that it was taken away is audited."""
        with scope(self.organization):
            tuned = self.tuned(model_id)
            file = learnt.named(tuned, path)
            if file is None:
                raise Http404
            audit.record(
                organization=self.organization,
                actor=self.by(request),
                action="tuned_model.downloaded",
                target=tuned,
                after={"model": tuned.offer.name, "path": path, "sha256": file.sha256},
            )
        name = path.rpartition("/")[2]
        return StreamingHttpResponse(
            streams.served(request._request, learnt.pieces(tuned, file)),
            content_type="application/octet-stream",
            headers={
                "Content-Length": str(file.bytes),
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )
