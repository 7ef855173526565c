"""``/v1/uploads``, in OpenAI's shapes: a file in parts."""

from typing import Any

from rest_framework import serializers
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.ids import from_public_id
from files.api import LONGEST, SHORTEST, file_out
from files.models import UPLOADABLE, Upload, UploadPart
from files.services import uploads
from tenants.key_api import KeyView, Strict
from tenants.models import Permission
from tenants.scope import scope

MOST_PARTS = 10_000


class ExpiryIn(Strict):
    """How long the file is kept."""

    anchor = serializers.ChoiceField(["created_at"])
    seconds = serializers.IntegerField(
        min_value=int(SHORTEST.total_seconds()), max_value=int(LONGEST.total_seconds())
    )


class UploadIn(Strict):
    """The file that will come. Its MIME type is asked for by OpenAI's clients, and not needed."""

    filename = serializers.CharField(max_length=255)
    purpose = serializers.ChoiceField([purpose.value for purpose in UPLOADABLE])
    bytes = serializers.IntegerField(min_value=1)
    mime_type = serializers.CharField(max_length=100, required=False)
    expires_after = ExpiryIn(required=False)


class PartIn(Strict):
    """A part of it."""

    data = serializers.FileField(allow_empty_file=True)  # type: ignore[assignment]


class CompletionIn(Strict):
    """The parts that make the file, in their order."""

    part_ids = serializers.ListField(
        child=serializers.CharField(max_length=50), allow_empty=False, max_length=MOST_PARTS
    )
    md5 = serializers.RegexField(r"\A[0-9a-fA-F]{32}\Z", required=False, allow_null=True)

    def validate_part_ids(self, value: list[str]) -> list[Any]:
        """Understand the ids."""
        keys = [from_public_id("part", it) for it in value]
        if None in keys:
            number = keys.index(None) + 1
            raise serializers.ValidationError(f"Part {number} has no id of a part.")
        return keys


def upload_out(upload: Upload) -> dict[str, Any]:
    """Return the upload as OpenAI's clients know it."""
    return {
        "id": upload.public_id,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": int(upload.created_at.timestamp()),
        "expires_at": int(upload.expires_at.timestamp()),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status.value,
        "file": file_out(upload.file) if upload.file else None,
    }


def part_out(part: UploadPart) -> dict[str, Any]:
    """Return the part as OpenAI's clients know it."""
    return {
        "id": part.public_id,
        "object": "upload.part",
        "created_at": int(part.created_at.timestamp()),
        "upload_id": part.upload.public_id,
    }


class UploadView(KeyView):
    """An upload."""

    permissions = {"POST": Permission.FILES_MANAGE, "GET": Permission.FILES_READ}

    def upload(self, upload_id: str) -> Upload:
        """Return the organization's upload; to everybody else it does not exist."""
        key = from_public_id("upload", upload_id)
        with scope(self.organization):
            known = Upload.objects.select_related("organization", "file__region")
            found = known.filter(organization=self.organization, pk=key).first() if key else None
        if found is None:
            raise NotFound(f"There is no upload {upload_id[:50]}.")
        return found


class UploadList(UploadView):
    """Where uploads begin."""

    permissions = {"POST": Permission.FILES_MANAGE}

    def post(self, request: Request) -> Response:
        """Announce a file."""
        asked = UploadIn(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        upload = uploads.begin(
            self.organization,
            filename=wanted["filename"],
            purpose=wanted["purpose"],
            size=wanted["bytes"],
            keep_seconds=wanted.get("expires_after", {}).get("seconds"),
        )
        return Response(upload_out(upload))


class UploadDetail(UploadView):
    """Where an upload stands; OpenAI's clients do not ask, those who go on after a break do."""

    permissions = {"GET": Permission.FILES_READ}

    def get(self, request: Request, upload_id: str) -> Response:
        """Show it, with the parts that are there."""
        upload = self.upload(upload_id)
        with scope(self.organization):
            parts = UploadPart.objects.filter(upload=upload).values_list("pk", "bytes")
            there = [UploadPart(pk=pk, bytes=size) for pk, size in parts]
        told = [{"id": part.public_id, "bytes": part.bytes} for part in there]
        return Response({**upload_out(upload), "tessera": {"parts": told}})


class UploadParts(UploadView):
    """The parts of an upload."""

    permissions = {"POST": Permission.FILES_MANAGE}
    parser_classes = [MultiPartParser]

    def post(self, request: Request, upload_id: str) -> Response:
        """Add one."""
        upload = self.upload(upload_id)
        asked = PartIn(data=request.data)
        asked.is_valid(raise_exception=True)
        return Response(part_out(uploads.add_part(upload, asked.validated_data["data"])))


class UploadCompletion(UploadView):
    """The end of an upload."""

    permissions = {"POST": Permission.FILES_MANAGE}
    parser_classes = [JSONParser]

    def post(self, request: Request, upload_id: str) -> Response:
        """Make the file of its parts."""
        upload = self.upload(upload_id)
        asked = CompletionIn(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        uploads.complete(upload, wanted["part_ids"], by=self.api_key, md5=wanted.get("md5") or "")
        return Response(upload_out(self.upload(upload_id)))


class UploadCancellation(UploadView):
    """The other end of an upload."""

    permissions = {"POST": Permission.FILES_MANAGE}

    def post(self, request: Request, upload_id: str) -> Response:
        """Give it up."""
        uploads.cancel(self.upload(upload_id))
        return Response(upload_out(self.upload(upload_id)))
