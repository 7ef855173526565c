"""``/v1/batches`` in OpenAI's shapes."""

from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.ids import from_public_id
from files import queries as files
from gateway.batches import intake
from gateway.batches.shapes import BatchIn, PageIn, batch_out, key_of
from gateway.models import Batch
from tenants.key_api import KeyView, listed, operation_key
from tenants.models import Permission
from tenants.scope import scope

SHOWN = ("input_file", "output_file", "error_file")


class BatchList(KeyView):
    """The organization's batches."""

    permissions = {"GET": Permission.FILES_READ, "POST": Permission.FILES_MANAGE}

    def get(self, request: Request) -> Response:
        """List the batches, newest first."""
        asked = PageIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        with scope(self.organization):
            batches = Batch.objects.filter(organization=self.organization).select_related(*SHOWN)
            if after := wanted.get("after"):
                batches = batches.filter(id__lt=after)
            found = list(batches.order_by("-id")[: wanted["limit"] + 1])
        page = [batch_out(batch) for batch in found[: wanted["limit"]]]
        return Response(listed(page, has_more=len(found) > len(page)))

    def post(self, request: Request) -> Response:
        """Ask for a batch."""
        asked = BatchIn(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        file_id = from_public_id("file", wanted["input_file_id"])
        kept = wanted.get("output_expires_after") or {}
        with scope(self.organization):
            batch = intake.create(
                self.organization,
                file=files.known(self.organization, file_id) if file_id else None,
                by=self.api_key,
                endpoint=wanted["endpoint"],
                completion_window=wanted["completion_window"],
                metadata=wanted.get("metadata"),
                results_kept_for=kept.get("seconds"),
                operation_key=operation_key(request),
            )
        return Response(batch_out(batch))


class BatchView(KeyView):
    """One batch."""

    permissions = {"GET": Permission.FILES_READ}

    def batch(self, batch_id: str) -> Batch:
        """Return the organization's batch; to everybody else it does not exist."""
        batches = Batch.objects.filter(organization=self.organization).select_related(*SHOWN)
        key = key_of(batch_id)
        found = batches.filter(pk=key).first() if key else None
        if found is None:
            raise NotFound(f"There is no batch {batch_id[:50]}.")
        return found


class BatchDetail(BatchView):
    """What a batch is."""

    def get(self, request: Request, batch_id: str) -> Response:
        """Show it."""
        with scope(self.organization):
            return Response(batch_out(self.batch(batch_id)))


class BatchCancel(BatchView):
    """The end of a batch."""

    permissions = {"POST": Permission.FILES_MANAGE}

    def post(self, request: Request, batch_id: str) -> Response:
        """Wish it."""
        with scope(self.organization):
            batch = intake.cancel(self.batch(batch_id), by=self.api_key)
            return Response(batch_out(batch))
