"""The chain of seals over the management API, and the keys it is signed with for everybody."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import seals
from billing.models import Seal
from common.api import NewestFirstPagination, paged
from common.database import service


class SealOut(serializers.Serializer[Any]):
    """One hour of the chain: the signed text, its hash and its signature (Ed25519, base64)."""

    number = serializers.IntegerField()
    document = serializers.CharField()
    hash = serializers.CharField()
    key_id = serializers.CharField()
    signature = serializers.CharField()


class SealPagination(NewestFirstPagination):
    """Pages of the chain."""

    ordering = "-number"


class SealList(APIView):
    """The chain that all receipts are sealed into."""

    @extend_schema(operation_id="v1_seals_list", responses=paged(SealOut))
    def get(self, request: Request) -> Response:
        """List the seals, newest first; each names the hash of the one before."""
        with service():
            page = SealPagination()
            chain = Seal.objects.select_related("key")
            rows = page.paginate_queryset(chain, request, view=self) or []
            told = [seals.signed(seals.facts(seal)) for seal in rows]
            return page.get_paginated_response(SealOut(told, many=True).data)
