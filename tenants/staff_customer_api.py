"""What staff does with a customer over the API: notes, warnings and stops, and asking to look."""

import uuid
from typing import Any

from django.db.models import Q
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.models import CustomerNote, Organization, Restriction, SupportAccess
from tenants.once import once
from tenants.services import notes, restrictions, support
from tenants.staff_api import StaffView
from tenants.support_api import SupportAccessOut

SHOWN = 100


class CustomerNoteIn(serializers.Serializer[Any]):
    """The words of a note."""

    text = serializers.CharField(max_length=2000)


class CustomerNotePin(serializers.Serializer[Any]):
    """Whether it stands above the others."""

    pinned = serializers.BooleanField()


class CustomerNoteOut(serializers.ModelSerializer[CustomerNote]):
    """A note, who wrote it, and since when it is pinned."""

    author = serializers.EmailField(source="author.email")

    class Meta:
        model = CustomerNote
        fields = ("id", "text", "author", "created_at", "pinned_at")


class RestrictionIn(serializers.Serializer[Any]):
    """What a customer is held to; without a start from now on, without an end until it is lifted."""

    level = serializers.ChoiceField(Restriction.Level.choices)
    reason = serializers.CharField(max_length=250)
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)


class RestrictionLift(serializers.Serializer[Any]):
    """Which grade is undone, and why."""

    level = serializers.ChoiceField(Restriction.Level.choices)
    reason = serializers.CharField(max_length=250)


class RestrictionOut(serializers.ModelSerializer[Restriction]):
    """What a customer is held to; ``begun_at`` is empty while it lies ahead."""

    set_by = serializers.EmailField(source="set_by.email")

    class Meta:
        model = Restriction
        fields = ("id", "level", "reason", "starts_at", "ends_at", "begun_at", "set_by")


class SupportAsk(serializers.Serializer[Any]):
    """Why one of the staff has to read the pages, for how long, and who lets them in."""

    reason = serializers.CharField(max_length=250)
    ticket = serializers.CharField(max_length=60)
    minutes = serializers.IntegerField(min_value=1, max_value=30)
    way = serializers.ChoiceField(SupportAccess.Way.choices, default=SupportAccess.Way.INVITED)


class NoteList(StaffView):
    """Notes about a customer, which they never see."""

    @extend_schema(operation_id="staff_notes", responses=CustomerNoteOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List the newest hundred, those that are pinned first."""
        found = CustomerNote.objects.filter(organization=_customer(slug)).select_related("author")
        return Response(CustomerNoteOut(found.pinned_first()[:SHOWN], many=True).data)

    @extend_schema(request=CustomerNoteIn, responses={201: CustomerNoteOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Keep a note; its words are never changed."""
        wanted = CustomerNoteIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        note = notes.write(_customer(slug), text=wanted.validated_data["text"], by=self.user)
        return Response(CustomerNoteOut(note).data, status=201)


class NoteDetail(StaffView):
    """One note."""

    @extend_schema(request=CustomerNotePin, responses=CustomerNoteOut)
    def patch(self, request: Request, slug: str, note_id: uuid.UUID) -> Response:
        """Put it above the others, or back among them."""
        wanted = CustomerNotePin(data=request.data)
        wanted.is_valid(raise_exception=True)
        note = get_object_or_404(CustomerNote, pk=note_id, organization__slug=slug)
        move = notes.pin if wanted.validated_data["pinned"] else notes.unpin
        return Response(CustomerNoteOut(move(note, by=self.user)).data)


class RestrictionList(StaffView):
    """Warnings and stops of a customer."""

    @extend_schema(operation_id="staff_restrictions", responses=RestrictionOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List those that hold, or will."""
        unended = Q(ends_at=None) | Q(ends_at__gt=timezone.now())
        found = Restriction.objects.open().filter(unended, organization=_customer(slug))
        return Response(RestrictionOut(found.select_related("set_by"), many=True).data)

    @extend_schema(request=RestrictionIn, responses={201: RestrictionOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Hold the customer to a grade; the one of the same grade before is replaced."""
        wanted = RestrictionIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = restrictions.impose(_customer(slug), by=self.user, **wanted.validated_data)
        return Response(RestrictionOut(made).data, status=201)


class RestrictionEnd(StaffView):
    """The end of a warning or stop."""

    @extend_schema(request=RestrictionLift, responses={204: None})
    def post(self, request: Request, slug: str) -> Response:
        """Lift a grade; where nothing of it holds, this changes nothing."""
        wanted = RestrictionLift(data=request.data)
        wanted.is_valid(raise_exception=True)
        restrictions.lift(_customer(slug), by=self.user, **wanted.validated_data)
        return Response(status=204)


class SupportList(StaffView):
    """Reading a customer's pages."""

    @extend_schema(operation_id="staff_support_accesses", responses=SupportAccessOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List the newest hundred that were asked for."""
        found = _customer(slug).support_accesses.select_related("supporter", "decided_by")
        return Response(SupportAccessOut(found[:SHOWN], many=True).data)

    @extend_schema(request=SupportAsk, responses={201: SupportAccessOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Ask to be let in; the pages themselves are opened in the browser."""
        wanted = SupportAsk(data=request.data)
        wanted.is_valid(raise_exception=True)
        access = support.ask(_customer(slug), by=self.user, **wanted.validated_data)
        return Response(SupportAccessOut(access).data, status=201)


def _customer(slug: str) -> Organization:
    return get_object_or_404(Organization, slug=slug)
