"""Which file counts the tokens of a model's version, over the management API, for staff."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.database import service
from common.errors import NotFound
from marketplace.change_api import OutsideView
from marketplace.forms.tokenizers import TokenizerForm
from marketplace.models import ModelVersion
from marketplace.proposing import valid
from marketplace.services import tokenizers
from marketplace.staff_model_detail_api import TokenizerOut


class TokenizerIn(serializers.Serializer[Any]):
    """The `tokenizer.json` beside the weights, in the format of Hugging Face's library; 64 MB at most."""

    file = serializers.FileField(max_length=255)


class VersionTokenizer(OutsideView):
    """What counts the tokens of a version."""

    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="staff_tokenizer", responses=TokenizerOut)
    def get(self, request: Request, slug: str, version_id: uuid.UUID) -> Response:
        """Say which file counts; without one, bytes do."""
        return Response(TokenizerOut(_version(slug, version_id)).data)

    @extend_schema(
        operation_id="staff_tokenizer_attach",
        request={"multipart/form-data": TokenizerIn},
        responses=TokenizerOut,
    )
    def put(self, request: Request, slug: str, version_id: uuid.UUID) -> Response:
        """Let a file count, once it was seen to; it does within seconds."""
        version = _version(slug, version_id)
        wanted = TokenizerIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        form = valid(TokenizerForm({}, wanted.validated_data), {})
        file = form.cleaned_data["file"]
        changed = tokenizers.attach(version, file, filename=file.name, by=self.user)
        return Response(TokenizerOut(changed).data)

    @extend_schema(operation_id="staff_tokenizer_remove", responses={204: None})
    def delete(self, request: Request, slug: str, version_id: uuid.UUID) -> Response:
        """Let bytes count again; the file stays, for receipts were made with it."""
        with service():
            tokenizers.remove(_version(slug, version_id), by=self.user)
        return Response(status=204)


def _version(slug: str, version_id: uuid.UUID) -> ModelVersion:
    with service():
        found = ModelVersion.objects.filter(pk=version_id, model__slug=slug).first()
    if found is None:
        raise NotFound
    return found
