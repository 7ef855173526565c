"""Usage that other meters report, over the management API."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import reported
from billing.api import PlainInteger
from billing.reported import Outcome
from common.errors import Forbidden
from metering import cloud_events, reports
from metering.models import TOKEN_PARTS
from tenants import meter_keys
from tenants.authentication import ApiKeyAuthentication
from tenants.models import ApiKey


class UsageDataIn(serializers.Serializer[Any]):
    """What was used."""

    model = serializers.CharField(help_text="The model's name in the API.")
    tokens = inline_serializer(
        "UsageTokens",
        {
            part: PlainInteger(required=False, min_value=0, max_value=reports.MOST_TOKENS)
            for part in TOKEN_PARTS
        },
        required=False,
        help_text="Disjoint parts: what is in one is in no other.",
    )
    gpu_seconds = PlainInteger(
        required=False,
        min_value=0,
        max_value=reports.MOST_GPU_SECONDS,
        help_text="For how long GPUs were held, all of them together; then tokens may be left out.",
    )
    project = serializers.CharField(required=False)
    region = serializers.CharField(required=False)
    streamed = serializers.BooleanField(required=False)
    ttft_ms = PlainInteger(required=False, min_value=0)
    latency_ms = PlainInteger(required=False, min_value=0)
    outcome = serializers.ChoiceField(reports.OUTCOMES, required=False)


class UsageEventIn(serializers.Serializer[Any]):
    """A CloudEvent 1.0."""

    specversion = serializers.ChoiceField(["1.0"])
    type = serializers.ChoiceField([reports.TYPE])
    source = serializers.CharField(max_length=reports.LONGEST_TEXT)  # type: ignore[assignment]
    id = serializers.CharField(max_length=reports.LONGEST_TEXT)
    time = serializers.DateTimeField()
    subject = serializers.CharField(
        required=False, help_text="An organization's address or the id of one of its keys."
    )
    data = UsageDataIn()  # type: ignore[assignment]


class FaultOut(serializers.Serializer[Any]):
    """What is wrong with an event."""

    field = serializers.CharField()
    found = serializers.CharField()
    accepted = serializers.CharField()


class OutcomeOut(serializers.Serializer[Any]):
    """What became of one event."""

    index = PlainInteger()
    id = serializers.CharField(allow_null=True)
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    status = serializers.ChoiceField(["accepted", "duplicate", "conflict", "invalid"])
    errors = FaultOut(many=True)  # type: ignore[assignment]


class IntakeOut(serializers.Serializer[Any]):
    """What became of all."""

    accepted = PlainInteger()
    duplicates = PlainInteger()
    conflicts = PlainInteger()
    invalid = PlainInteger()
    events = OutcomeOut(many=True)


class RefusedOut(IntakeOut):
    """The same for a single event that was not taken."""

    code = serializers.CharField()
    detail = serializers.CharField()
    field_errors = serializers.DictField(required=False)


CONFLICT = {
    "code": "usage_event_conflict",
    "detail": "This id stands for another event already. The first one counts; staff sees both.",
}
INVALID = {"code": "invalid_request", "detail": "Some fields are not valid."}


class UsageEvents(APIView):
    """Takes usage that was metered elsewhere."""

    authentication_classes = [ApiKeyAuthentication]
    parser_classes = cloud_events.PARSERS
    api_key: ApiKey

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse whoever may not report."""
        super().initial(request, *args, **kwargs)
        key = request.auth
        if not isinstance(key, ApiKey):
            raise NotAuthenticated
        if not meter_keys.may_report(key):
            raise Forbidden("This key does not carry the scope “metering”.")
        if not meter_keys.is_vouched_for(key):
            raise Forbidden("The person who made this key does not belong to you any more.")
        self.api_key = key

    @extend_schema(
        request={
            cloud_events.STRUCTURED: UsageEventIn,
            cloud_events.BATCH: UsageEventIn(many=True),
            "application/json": UsageDataIn,
        },
        responses={200: IntakeOut, 207: IntakeOut, 400: RefusedOut, 409: RefusedOut},
    )
    def post(self, request: Request) -> Response:
        """Record usage events, each once: up to 1,000 or a megabyte at a time.

        An event that came before is a duplicate and changes nothing, so anything may be sent again.
        The same id with another body is a conflict. Each event is judged alone: 200 says that all
        were taken, 207 that some of a batch were not. A single event is refused with 400 or 409.
        """
        outcomes = reported.take_in(cloud_events.events(request), key=self.api_key)
        counts = Counter(outcome.status for outcome in outcomes)
        report = {
            "accepted": counts["accepted"],
            "duplicates": counts["duplicate"],
            "conflicts": counts["conflict"],
            "invalid": counts["invalid"],
            "events": outcomes,
        }
        refused = counts["conflict"] + counts["invalid"]
        if refused and not cloud_events.is_batch(request):
            return _refused(outcomes, report)
        return Response(IntakeOut(report).data, status=207 if refused else 200)


def _refused(outcomes: Sequence[Outcome], report: dict[str, Any]) -> Response:
    if report["conflicts"]:
        return Response(RefusedOut(report | CONFLICT).data, status=409)
    errors = {fault.field: [f"{fault.found}: accepted is {fault.accepted}"]
              for fault in outcomes[0].errors}  # fmt: skip
    return Response(RefusedOut(report | INVALID | {"field_errors": errors}).data, status=400)
