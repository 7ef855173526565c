"""``/v1/files``, in OpenAI's shapes."""

import uuid
from datetime import timedelta
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from common import streams
from common.errors import NotFound
from common.ids import from_public_id
from files import blobs, queries
from files.models import UPLOADABLE, Purpose, StoredFile
from files.services import stored_files
from tenants.key_api import KeyView, Strict, listed
from tenants.models import Permission
from tenants.scope import scope

SHORTEST = timedelta(hours=1)
LONGEST = timedelta(days=30)


class UploadIn(Strict):
    """A file, what it is for, and how long it is kept."""

    file = serializers.FileField(max_length=255, allow_empty_file=True)
    purpose = serializers.ChoiceField([purpose.value for purpose in UPLOADABLE])

    def get_fields(self) -> dict[str, Any]:
        """Add the fields whose names are not Python's."""
        return {
            **super().get_fields(),
            "expires_after[anchor]": serializers.ChoiceField(["created_at"], required=False),
            "expires_after[seconds]": serializers.IntegerField(
                min_value=int(SHORTEST.total_seconds()),
                max_value=int(LONGEST.total_seconds()),
                required=False,
            ),
        }


class PageIn(Strict):
    """Which files, and how many."""

    purpose = serializers.ChoiceField(Purpose.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=10_000, default=10_000)
    order = serializers.ChoiceField(["asc", "desc"], default="desc")
    after = serializers.CharField(required=False, max_length=50)

    def validate_after(self, value: str) -> uuid.UUID:
        """Understand the id of the last page's last file."""
        key = from_public_id("file", value)
        if key is None:
            raise serializers.ValidationError("This is no id of a file.")
        return key


def file_out(file: StoredFile) -> dict[str, Any]:
    """Return the file as OpenAI's clients know it; what they do not know stands apart."""
    facts: dict[str, Any] = {
        "id": file.public_id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": int(file.created_at.timestamp()),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "tessera": {
            "sha256": file.sha256,
            "region": file.region_id,
            "jurisdiction": file.region.jurisdiction,
        },
    }
    if file.expires_at:
        facts["expires_at"] = int(file.expires_at.timestamp())
    return facts


class FileList(KeyView):
    """The organization's files."""

    permissions = {"GET": Permission.FILES_READ, "POST": Permission.FILES_MANAGE}
    parser_classes = [MultiPartParser]

    def get(self, request: Request) -> Response:
        """List the files."""
        asked = PageIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        with scope(self.organization):
            files = StoredFile.objects.living().filter(organization=self.organization)
            if purpose := wanted.get("purpose"):
                files = files.filter(purpose=purpose)
            newest_first = wanted["order"] == "desc"
            if edge := wanted.get("after"):
                files = files.filter(id__lt=edge) if newest_first else files.filter(id__gt=edge)
            ordered = files.select_related("region").order_by("-id" if newest_first else "id")
            found = list(ordered[: wanted["limit"] + 1])
        page = [file_out(file) for file in found[: wanted["limit"]]]
        return Response(listed(page, has_more=len(found) > len(page)))

    def post(self, request: Request) -> Response:
        """Keep a file."""
        asked = UploadIn(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        seconds = wanted.get("expires_after[seconds]")
        file = stored_files.keep(
            self.organization,
            wanted["file"],
            filename=wanted["file"].name,
            purpose=wanted["purpose"],
            by=self.api_key,
            expires_at=timezone.now() + timedelta(seconds=seconds) if seconds else None,
        )
        return Response(file_out(file))


class FileView(KeyView):
    """One file."""

    permissions = {"GET": Permission.FILES_READ, "DELETE": Permission.FILES_MANAGE}

    def file(self, file_id: str) -> StoredFile:
        """Return the organization's file; to everybody else it does not exist."""
        key = from_public_id("file", file_id)
        found = queries.living(self.organization, key) if key else None
        if found is None:
            raise NotFound(f"There is no file {file_id[:50]}.")
        return found


class FileDetail(FileView):
    """What a file is."""

    def get(self, request: Request, file_id: str) -> Response:
        """Show it."""
        with scope(self.organization):
            return Response(file_out(self.file(file_id)))

    def delete(self, request: Request, file_id: str) -> Response:
        """Delete it for ever."""
        with scope(self.organization):
            stored_files.delete(self.file(file_id), by=self.api_key)
        return Response({"id": file_id, "object": "file", "deleted": True})


class FileContent(FileView):
    """What is in a file."""

    permissions = {"GET": Permission.FILES_READ}

    def get(self, request: Request, file_id: str) -> StreamingHttpResponse:
        """Send it, a piece at a time."""
        with scope(self.organization):
            file = self.file(file_id)
        content = blobs.open_blob(blobs.of(file))
        return StreamingHttpResponse(
            streams.served(request._request, blobs.pieces(content)),
            content_type="application/octet-stream",
            headers={
                "Content-Length": str(file.bytes),
                "Content-Disposition": content_disposition_header(True, file.filename) or "",  # noqa: FBT003
                "ETag": f'"{file.sha256}"',
            },
        )
