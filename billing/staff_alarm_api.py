"""From which amounts on spend is worth a look, over the management API, for the operator's staff."""

from decimal import Decimal

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import SpendAlarm
from billing.services import spend_alarms
from common.errors import NotFound
from common.templatetags.formats import trimmed
from tenants.key_api import Strict
from tenants.staff_api import StaffView

AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,2})?\Z"


class SpendAlarmOut(serializers.ModelSerializer[SpendAlarm]):
    """The amounts of a currency; where staff set none, those that stand in."""

    hour = serializers.SerializerMethodField()
    day = serializers.SerializerMethodField()
    new_account = serializers.SerializerMethodField()
    is_set = serializers.BooleanField()

    class Meta:
        model = SpendAlarm
        fields = ("currency", *spend_alarms.AMOUNTS, "is_set")

    def get_hour(self, alarm: SpendAlarm) -> str:
        """Return what may be spent in an hour without a look."""
        return _plain(alarm.hour)

    def get_day(self, alarm: SpendAlarm) -> str:
        """Return what may be spent in a day without a look."""
        return _plain(alarm.day)

    def get_new_account(self, alarm: SpendAlarm) -> str:
        """Return what a new customer may spend in a day without a look."""
        return _plain(alarm.new_account)


class SpendAlarmIn(Strict):
    """All three amounts of a currency."""

    hour = serializers.RegexField(AMOUNT, help_text="At most that of a day.")
    day = serializers.RegexField(AMOUNT)
    new_account = serializers.RegexField(AMOUNT)


class SpendAlarmList(StaffView):
    """The amounts."""

    @extend_schema(operation_id="staff_spend_alarms", responses=SpendAlarmOut(many=True))
    def get(self, request: Request) -> Response:
        """List those of each currency that something is sold in."""
        alarms = spend_alarms.of_all(spend_alarms.currencies())
        return Response(SpendAlarmOut(list(alarms.values()), many=True).data)


class SpendAlarmDetail(StaffView):
    """The amounts of one currency."""

    @extend_schema(operation_id="staff_spend_alarm", responses=SpendAlarmOut)
    def get(self, request: Request, currency: str) -> Response:
        """Show from which amounts on spend is worth a look."""
        return Response(SpendAlarmOut(spend_alarms.of(_known(currency))).data)

    @extend_schema(request=SpendAlarmIn, responses=SpendAlarmOut)
    def put(self, request: Request, currency: str) -> Response:
        """Set them; the next round keeps to them."""
        currency = _known(currency)
        wanted = SpendAlarmIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        amounts = {name: Decimal(it) for name, it in wanted.validated_data.items()}
        spend_alarms.set_for(currency, by=self.user, **amounts)
        return Response(SpendAlarmOut(spend_alarms.of(currency)).data)


def _known(currency: str) -> str:
    if currency not in spend_alarms.currencies():
        raise NotFound
    return currency


def _plain(amount: Decimal) -> str:
    return f"{trimmed(amount, 2):f}"
