"""Single requests with what each was worth, over the management API: where a day's sum comes from."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import queries
from billing.api import PlainDecimal, PlainInteger
from common.money import Money
from metering import queries as metering
from metering.models import TOKEN_PARTS, UsageEvent
from metering.queries import Cut
from tenants.models import Permission
from tenants.organization_api import OrganizationView
from tenants.scope import scope

LONGEST = timedelta(days=366)
MOST = 1000
#: How many requests a page has where nobody says.
USUAL = 100


class UsageRequestsIn(serializers.Serializer[Any]):
    """A half-open period, and which requests of it."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)
    model = serializers.CharField(required=False, max_length=100)
    key = serializers.UUIDField(required=False)
    project = serializers.SlugField(required=False, max_length=100)
    limit = PlainInteger(min_value=1, max_value=MOST, default=USUAL)
    before = serializers.CharField(
        required=False, max_length=100, help_text="The id of the last request of the page before."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the last thirty days; refuse a period that is reversed or longer than a year."""
        end = attrs.setdefault("end", timezone.now())
        start = attrs.setdefault("start", end - timedelta(days=30))
        if not timedelta(0) < end - start <= LONGEST:
            raise serializers.ValidationError(
                {"start": "A period ends after it starts, within a year."}
            )
        return attrs


class UsageRequestOut(serializers.Serializer[Any]):
    """One request; its worth is exact and without tax, and missing where no price was found."""

    id = serializers.CharField(source="event_id")
    occurred_at = serializers.DateTimeField()
    model = serializers.CharField(source="offer_name")
    region = serializers.CharField()
    key = serializers.UUIDField(source="api_key_id", allow_null=True)
    project = serializers.UUIDField(source="project_id")
    tokens = serializers.SerializerMethodField()
    gpu_seconds = serializers.IntegerField()
    cost = serializers.SerializerMethodField()
    outcome = serializers.CharField()
    streamed = serializers.BooleanField()
    ttft_ms = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)

    def get_tokens(self, event: UsageEvent) -> dict[str, int]:
        """Return the parts of its tokens that there are."""
        return {part: count for part in TOKEN_PARTS if (count := event.of(part))}

    def get_cost(self, event: UsageEvent) -> dict[str, str] | None:
        """Return what it was worth."""
        worth: Money | None = self.context["worth"].get(event.pk)
        if worth is None:
            return None
        amount = PlainDecimal().to_representation(worth.amount)
        return {"amount": amount, "currency": worth.currency}


class UsageRequestPage(serializers.Serializer[Any]):
    """Requests, the newest first, and whether there are older ones."""

    data = UsageRequestOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()


class UsageRequestList(OrganizationView):
    """The organization's requests."""

    permissions = {"GET": Permission.USAGE_READ}

    @extend_schema(parameters=[UsageRequestsIn], responses=UsageRequestPage)
    def get(self, request: Request, org: str) -> Response:
        """List requests, the newest first; ``before`` goes on behind a page's last one."""
        asked = UsageRequestsIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        facts = asked.validated_data
        with scope(self.organization):
            cut = self._cut(facts)
            last = self._last(facts.get("before"))
            found = metering.requests(cut, limit=facts["limit"] + 1, before=last)
            shown = found[: facts["limit"]]
            worth = queries.worth(shown)
        page = {"data": shown, "has_more": len(found) > len(shown)}
        return Response(UsageRequestPage(page, context={"worth": worth}).data)

    def _cut(self, facts: dict[str, Any]) -> Cut:
        project = None
        if slug := facts.get("project"):
            known = self.organization.projects.filter(slug=slug).values_list("pk", flat=True)
            if (project := known.first()) is None:
                raise serializers.ValidationError({"project": "There is no such project."})
        return Cut(
            self.organization,
            facts["start"],
            facts["end"],
            offer_name=facts.get("model", ""),
            api_key_id=facts.get("key"),
            project_id=project,
        )

    def _last(self, event_id: str | None) -> UsageEvent | None:
        if event_id is None:
            return None
        if event := metering.request_named(self.organization, event_id):
            return event
        raise serializers.ValidationError({"before": "There is no such request."})
