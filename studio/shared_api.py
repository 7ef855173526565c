"""Private models over the management API: seen, deployed, stopped, and taken from others."""

import uuid
from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from marketplace.models import ModelShare
from studio import private_models
from studio.models import TunedModel
from studio.services import consent, serving
from tenants.models import ApiKey, Permission, User
from tenants.organization_api import OrganizationView, key_of
from tenants.scope import scope


class TunedModelOut(serializers.ModelSerializer[TunedModel]):
    """A private model, and whether it can be called."""

    name = serializers.CharField(source="offer.name")
    base = serializers.CharField(source="job.offer.name")
    job = serializers.CharField(source="job.public_id")
    project_id = serializers.UUIDField()
    region = serializers.CharField(source="offer.region_id")
    standing = serializers.ChoiceField(choices=TunedModel.Standing.choices)
    trouble = serializers.CharField()

    class Meta:
        model = TunedModel
        fields = (
            "id", "name", "base", "job", "project_id", "region", "classification", "standing",
            "trouble", "retired_at", "created_at",
        )  # fmt: skip


class LineageOut(serializers.Serializer[Any]):
    """Where a private model comes from."""

    training_file = serializers.CharField()
    training_sha256 = serializers.CharField()
    job_id = serializers.CharField()
    spec = serializers.CharField()
    attempts = serializers.IntegerField()
    cluster = serializers.CharField()
    jurisdiction = serializers.CharField()
    artifact = serializers.CharField()
    manifest_sha256 = serializers.CharField()
    base = serializers.CharField()
    model = serializers.CharField()
    service_id = serializers.UUIDField(allow_null=True)
    runs = serializers.IntegerField()
    published_at = serializers.DateTimeField()


class TunedModelWithLineageOut(TunedModelOut):
    """A private model with its lineage."""

    lineage = serializers.SerializerMethodField()

    class Meta(TunedModelOut.Meta):
        fields = (*TunedModelOut.Meta.fields, "lineage")  # type: ignore[assignment]

    @extend_schema(responses=LineageOut)
    def get_lineage(self, tuned: TunedModel) -> dict[str, Any]:
        """Return it, from the file's hash to the deployment."""
        return dict(LineageOut(asdict(private_models.lineage(tuned))).data)


class ShareOut(serializers.ModelSerializer[ModelShare]):
    """A model that another organization shares with a project of this one."""

    model = serializers.SerializerMethodField()
    owner = serializers.CharField(source="owner_name")
    project = serializers.CharField(source="project.slug")

    class Meta:
        model = ModelShare
        fields = ("id", "model", "owner", "project", "accepted_at", "created_at")

    def get_model(self, share: ModelShare) -> str:
        """Return what the model is called."""
        return share.model.name


class ModelsView(OrganizationView):
    """What hangs below private models."""

    def by(self, request: Request) -> User | ApiKey:
        """Return who acts."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        return key_of(request) or request.user

    def tuned(self, model_id: uuid.UUID) -> TunedModel:
        """Return the organization's model; its scope must be open."""
        return get_object_or_404(private_models.tuned_models(self.organization), pk=model_id)

    def share(self, share_id: uuid.UUID) -> ModelShare:
        """Return what is shared with the organization; its scope must be open."""
        return get_object_or_404(private_models.shared_with(self.organization), pk=share_id)

    def shown(self, model_id: uuid.UUID) -> Response:
        """Return the model as it stands now."""
        with scope(self.organization):
            return Response(TunedModelWithLineageOut(self.tuned(model_id)).data)


class TunedModelList(ModelsView):
    """The organization's private models."""

    permissions = {"GET": Permission.STUDIO_READ}

    @extend_schema(
        operation_id="v1_organizations_tuned_models_list", responses=paged(TunedModelOut)
    )
    def get(self, request: Request, org: str) -> Response:
        """List them, newest first, retired ones too."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(
                private_models.tuned_models(self.organization), request, view=self
            )
            return page.get_paginated_response(TunedModelOut(rows, many=True).data)


class TunedModelDetail(ModelsView):
    """One private model."""

    permissions = {"GET": Permission.STUDIO_READ, "DELETE": Permission.STUDIO_MANAGE}

    @extend_schema(responses=TunedModelWithLineageOut)
    def get(self, request: Request, org: str, model_id: uuid.UUID) -> Response:
        """Show it, with where it comes from."""
        return self.shown(model_id)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, model_id: uuid.UUID) -> Response:
        """Retire it, for good."""
        with scope(self.organization):
            tuned = self.tuned(model_id)
        serving.retire(tuned, by=self.by(request))
        return Response(status=204)


class TunedModelDeploy(ModelsView):
    """The deployment of a private model."""

    permissions = {"POST": Permission.STUDIO_MANAGE}

    @extend_schema(request=None, responses=TunedModelWithLineageOut)
    def post(self, request: Request, org: str, model_id: uuid.UUID) -> Response:
        """Have it served; twice is once."""
        with scope(self.organization):
            tuned = self.tuned(model_id)
        serving.deploy(tuned, by=self.by(request))
        return self.shown(model_id)


class TunedModelStop(ModelsView):
    """The end of a deployment."""

    permissions = {"POST": Permission.STUDIO_MANAGE}

    @extend_schema(request=None, responses=TunedModelWithLineageOut)
    def post(self, request: Request, org: str, model_id: uuid.UUID) -> Response:
        """Have it served no longer; it can be deployed again."""
        with scope(self.organization):
            tuned = self.tuned(model_id)
        serving.undeploy(tuned, by=self.by(request))
        return self.shown(model_id)


class ShareList(ModelsView):
    """Models that other organizations share with this one."""

    permissions = {"GET": Permission.STUDIO_READ}

    @extend_schema(operation_id="v1_organizations_model_shares_list", responses=paged(ShareOut))
    def get(self, request: Request, org: str) -> Response:
        """List them, newest first; those that nobody has agreed to yet have no ``accepted_at``."""
        with scope(self.organization):
            page = NewestFirstPagination()
            rows = page.paginate_queryset(
                private_models.shared_with(self.organization), request, view=self
            )
            return page.get_paginated_response(ShareOut(rows, many=True).data)


class ShareDetail(ModelsView):
    """One model that another organization shares."""

    permissions = {"DELETE": Permission.SETTINGS_MANAGE}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, org: str, share_id: uuid.UUID) -> Response:
        """Decline it, or give it back."""
        with scope(self.organization):
            share = self.share(share_id)
        consent.revoke(share, by=self.by(request), of=self.organization)
        return Response(status=204)


class ShareAccept(ModelsView):
    """Consent."""

    permissions = {"POST": Permission.SETTINGS_MANAGE}

    @extend_schema(request=None, responses=ShareOut)
    def post(self, request: Request, org: str, share_id: uuid.UUID) -> Response:
        """Agree: from now on the project may call the model, and pays for it."""
        with scope(self.organization):
            share = self.share(share_id)
        consent.accept(share, by=self.by(request))
        with scope(self.organization):
            return Response(ShareOut(self.share(share_id)).data)
