"""Reporting keys that leaked, by programs: scanners of source code, and whoever finds some."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import keys, pace
from tenants.errors import TooManyReports
from tenants.leak_forms import LONGEST_PLACE, MOST_KEYS
from tenants.services import leaks

#: The page and the API are one door.
WHAT = "leaked-key"
A_MINUTE = 10
LONGEST_KEY = 200


class LeakedKeyIn(serializers.Serializer[Any]):
    """A key, in the shape in which scanners of source code report what they find."""

    token = serializers.CharField(max_length=LONGEST_KEY)
    type = serializers.CharField(max_length=100, required=False, allow_blank=True)
    url = serializers.CharField(max_length=LONGEST_PLACE, required=False, allow_blank=True)


class LeakedKeysOut(serializers.Serializer[Any]):
    """How many of the texts have the form of a key; it does not say whether we made them."""

    received = serializers.IntegerField()
    no_keys = serializers.IntegerField()


class LeakedKeyReport(APIView):
    """Anybody's report of keys that are where they should not be."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=LeakedKeyIn(many=True), responses={202: LeakedKeysOut})
    def post(self, request: Request) -> Response:
        """Close these keys and tell whose they are; a plain list of texts will do too.

        Nobody has to sign in, for whoever has a key's whole text could do worse with it. The answer
        is the same for keys that are known, unknown or closed already.
        """
        if not pace.allows(request._request, WHAT, a_minute=A_MINUTE):
            raise TooManyReports
        wanted: serializers.ListSerializer[Any] = serializers.ListSerializer(
            child=LeakedKeyIn(),
            data=_objects(request.data),
            allow_empty=False,
            max_length=MOST_KEYS,
        )
        wanted.is_valid(raise_exception=True)
        told = wanted.validated_data
        for place in dict.fromkeys(map(_place, told)):
            leaks.report([it["token"] for it in told if _place(it) == place], found_at=place)
        formed = sum(keys.is_well_formed(it["token"]) for it in told)
        return Response({"received": formed, "no_keys": len(told) - formed}, status=202)


def _objects(data: Any) -> Any:
    """Return the list with each plain text as the object it stands for."""
    if not isinstance(data, list):
        return data
    return [{"token": it} if isinstance(it, str) else it for it in data]


def _place(told: dict[str, str]) -> str:
    return told.get("url", "")
