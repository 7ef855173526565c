"""The operator's models over the management API: all of them, and new drafts."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import InOrderPagination, paged
from marketplace import desk, proposing
from marketplace.models import Status
from tenants.once import once
from tenants.staff_api import StaffView


class StaffModelOut(serializers.Serializer[Any]):
    """A model and what it is called in the API, whether customers see it or not."""

    slug = serializers.CharField(source="model.slug")
    name = serializers.CharField(source="model.name")
    publisher = serializers.CharField(source="model.publisher.name")
    kind = serializers.CharField(source="model.kind")
    status = serializers.CharField(source="model.status")
    offers = serializers.SerializerMethodField()

    def get_offers(self, listed: desk.ListedModel) -> list[str]:
        """Return what programs pass as the model."""
        return [it.offer.name for it in listed.offers]


class StaffModelIn(serializers.Serializer[Any]):
    """A new draft, by the names of the desk's fields; what is not named is as the page begins.

    `upstream` is a server's id, `token_class` a code; prices are per million tokens.
    """

    facts = serializers.DictField()


class StaffModelList(StaffView):
    """The operator's models."""

    @extend_schema(
        operation_id="staff_models",
        parameters=[
            OpenApiParameter("q", str, description="Part of a name, or of a name in the API."),
            OpenApiParameter("status", str, enum=Status.values),
        ],
        responses=paged(StaffModelOut),
    )
    def get(self, request: Request) -> Response:
        """List the models by name, drafts and retired ones included."""
        text, status = (
            request.query_params.get(name, "").replace("\0", "") for name in ("q", "status")
        )
        pages = InOrderPagination()
        rows = pages.paginate_queryset(desk.models(text.strip()[:100], status), request, view=self)
        return pages.get_paginated_response(StaffModelOut(desk.listed(rows), many=True).data)

    @extend_schema(
        operation_id="staff_model_add", request=StaffModelIn, responses={201: StaffModelOut}
    )
    @once()
    def post(self, request: Request) -> Response:
        """Add a draft; customers do not see it before a colleague approves its publication."""
        wanted = StaffModelIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        model = proposing.draft(wanted.validated_data["facts"], by=self.user)
        (listed,) = desk.listed([model])
        return Response(StaffModelOut(listed).data, status=201)
