"""Mail about incidents over the API: asked for by anybody, one's own, and counted by staff."""

from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.database import service
from front import asked
from front.errors import TooManyAddresses
from front.forms.subscriptions import ChoiceForm, EraseForm, ReachForm, SubscribeForm
from front.models import StatusSubscription
from front.services import subscribing
from front.views.subscriptions import A_MINUTE, WHAT
from tenants import pace
from tenants.models import User
from tenants.staff_api import StaffView


class StatusMailChoice(serializers.Serializer[Any]):
    """What is written about, and in which language."""

    language = serializers.ChoiceField(
        settings.LANGUAGES, required=False, help_text="That of the request, if it does not say."
    )
    regions = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Codes; none: all of them."
    )
    models = serializers.ListField(
        child=serializers.SlugField(), required=False, help_text="Slugs; none: all of them."
    )


class StatusMailIn(StatusMailChoice):
    """An address, and what is to be written to it."""

    email = serializers.EmailField(max_length=254)


class OwnStatusMailOut(serializers.ModelSerializer[StatusSubscription]):
    """What the address of one's account gets; none of regions or models means all."""

    regions = serializers.SerializerMethodField()
    models = serializers.SerializerMethodField()
    language = serializers.ChoiceField(settings.LANGUAGES)

    class Meta:
        model = StatusSubscription
        fields = ("email", "language", "regions", "models", "confirmed_at")

    def get_regions(self, subscription: StatusSubscription) -> list[str]:
        """Return the codes of the regions."""
        return sorted(it.code for it in subscription.regions.all())

    def get_models(self, subscription: StatusSubscription) -> list[str]:
        """Return the slugs of the models."""
        return sorted(it.slug for it in subscription.named_models.all())


class StatusMailCounts(serializers.Serializer[Any]):
    """How many addresses get mail, and how many an incident would reach."""

    confirmed = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Asked for, and not confirmed.")
    reach = serializers.IntegerField(help_text="Those that get what the query names.")


class StatusMailErasure(serializers.Serializer[Any]):
    """An address that its owner wants forgotten."""

    email = serializers.EmailField(max_length=254)


class StatusMail(APIView):
    """Mail about incidents, for anybody's address once it is confirmed."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="status_mail_ask", request=StatusMailIn, responses={202: None}, auth=[]
    )
    def post(self, request: Request) -> Response:
        """Send a link to an address; the answer is the same whether or not it gets mail already."""
        if not pace.allows(request._request, WHAT, a_minute=A_MINUTE):
            raise TooManyAddresses
        facts = asked.read(StatusMailIn, request)
        with service():
            form = asked.valid(SubscribeForm(_spoken(facts)))
            subscribing.ask(form.cleaned_data["email"], form.choice())
        return Response(status=202)


class OwnStatusMail(APIView):
    """Mail about incidents to the address of one's own account; a key has none."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = (IsAuthenticated,)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the handler as the service role, in one transaction."""
        with service():
            return super().dispatch(request, *args, **kwargs)

    @extend_schema(operation_id="own_status_mail", responses=OwnStatusMailOut)
    def get(self, request: Request) -> Response:
        """Show what the address gets; 404 where it gets nothing."""
        held = subscribing.own(_person(request))
        if held is None:
            raise NotFound
        return Response(OwnStatusMailOut(held).data)

    @extend_schema(
        operation_id="own_status_mail_switch_on",
        request=StatusMailChoice,
        responses=OwnStatusMailOut,
    )
    def put(self, request: Request) -> Response:
        """Write to the address from now on, about what the body names."""
        form = asked.valid(ChoiceForm(_spoken(asked.read(StatusMailChoice, request))))
        held = subscribing.switch_on(_person(request), form.choice())
        return Response(OwnStatusMailOut(held).data)

    @extend_schema(operation_id="own_status_mail_switch_off", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Write no more; twice changes nothing."""
        subscribing.switch_off(_person(request))
        return Response(status=204)


class StaffStatusMail(StaffView):
    """How many are written to."""

    @extend_schema(
        operation_id="staff_status_mail",
        responses=StatusMailCounts,
        parameters=[
            OpenApiParameter("regions", str, many=True, description="Codes of regions."),
            OpenApiParameter("models", str, many=True, description="Slugs of models."),
        ],
    )
    def get(self, request: Request) -> Response:
        """Count the addresses, and those that an incident of these regions and models reaches."""
        form = asked.valid(ReachForm(request._request.GET))
        return Response(StatusMailCounts(subscribing.counts(**form.cleaned_data)).data)


class StatusMailErase(StaffView):
    """Forgetting an address."""

    @extend_schema(
        operation_id="staff_status_mail_erase", request=StatusMailErasure, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Forget an address because its owner wants it; 404 where it is not known."""
        form = asked.valid(EraseForm(asked.read(StatusMailErasure, request)))
        if not subscribing.erase(form.cleaned_data["email"], by=self.user):
            raise NotFound
        return Response(status=204)


def _person(request: Request) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - IsAuthenticated has seen to it
    return request.user


def _spoken(facts: dict[str, Any]) -> dict[str, Any]:
    return {"language": get_language(), **facts}
