"""Private models below ``/v1``: retired, and shared with projects, in OpenAI's shapes."""

import uuid
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from common.ids import from_public_id, public_id
from marketplace.models import ModelShare
from studio import private_models
from studio.models import TunedModel
from studio.services import consent, serving
from tenants.key_api import KeyView, Strict, listed
from tenants.models import Permission
from tenants.scope import scope

PREFIX = "cp"


class SharesIn(Strict):
    """With which projects."""

    project_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=100)


class SharePageIn(Strict):
    """Which permissions, and how many."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=10)
    after = serializers.CharField(required=False, max_length=50)
    order = serializers.ChoiceField(["ascending", "descending"], default="descending")
    project_id = serializers.UUIDField(required=False)

    def validate_after(self, value: str) -> uuid.UUID:
        """Understand the id of the last page's last row."""
        key = from_public_id(PREFIX, value)
        if key is None:
            raise serializers.ValidationError("This is no id of a permission.")
        return key


def share_out(share: ModelShare) -> dict[str, Any]:
    """Return the permission; whether the other side has agreed stands apart."""
    return {
        "object": "checkpoint.permission",
        "id": public_id(PREFIX, share.pk),
        "created_at": int(share.created_at.timestamp()),
        "project_id": str(share.project_id),
        "tessera": {"accepted": share.accepted_at is not None},
    }


class TunedView(KeyView):
    """A private model of the key's organization; everybody else's do not exist."""

    def tuned(self, name: str) -> TunedModel:
        """Return the model; the organization's scope must be open."""
        found = private_models.tuned_named(self.organization, name)
        if found is None:
            raise NotFound(f"There is no model {name[:100]} of your organization's.")
        return found


class ModelView(TunedView):
    """The end of a private model."""

    permissions = {"DELETE": Permission.STUDIO_MANAGE}

    def delete(self, request: Request, model: str) -> Response:
        """Retire it, for good; twice is once."""
        with scope(self.organization):
            tuned = self.tuned(model)
        serving.retire(tuned, by=self.api_key)
        return Response({"id": model, "object": "model", "deleted": True})


class PermissionList(TunedView):
    """Which projects may call a model."""

    permissions = {"GET": Permission.STUDIO_READ, "POST": Permission.SETTINGS_MANAGE}

    def get(self, request: Request, model: str) -> Response:
        """List them, the newest first unless asked otherwise."""
        asked = SharePageIn(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        facts = asked.validated_data
        is_ascending = facts["order"] == "ascending"
        with scope(self.organization):
            shares = private_models.shares_of(self.tuned(model))
            if "project_id" in facts:
                shares = shares.filter(project=facts["project_id"])
            if "after" in facts:
                beyond = "id__gt" if is_ascending else "id__lt"
                shares = shares.filter(**{beyond: facts["after"]})
            rows = list(shares.order_by("id" if is_ascending else "-id")[: facts["limit"] + 1])
        page = [share_out(share) for share in rows[: facts["limit"]]]
        return Response(listed(page, has_more=len(rows) > facts["limit"]))

    def post(self, request: Request, model: str) -> Response:
        """Share the model: with projects of one's own at once, with others' when they agree."""
        wanted = SharesIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with scope(self.organization):
            tuned = self.tuned(model)
        made = consent.share(tuned, wanted.validated_data["project_ids"], by=self.api_key)
        return Response(listed([share_out(share) for share in made], has_more=False))


class PermissionView(TunedView):
    """One project's permission."""

    permissions = {"DELETE": Permission.SETTINGS_MANAGE}

    def delete(self, request: Request, model: str, permission_id: str) -> Response:
        """Take it back: its calls are refused within seconds."""
        key = from_public_id(PREFIX, permission_id)
        with scope(self.organization):
            share = (
                private_models.shares_of(self.tuned(model)).filter(pk=key).first() if key else None
            )
        if share is None:
            raise NotFound(f"There is no permission {permission_id[:50]}.")
        consent.revoke(share, by=self.api_key, of=self.organization)
        return Response({"id": permission_id, "object": "checkpoint.permission", "deleted": True})
