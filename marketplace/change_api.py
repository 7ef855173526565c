"""Changes of models over the management API: proposed by one of the staff, approved by another."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.api import NewestFirstPagination, paged
from common.database import service
from common.errors import NotFound
from marketplace import differences, due, proposing, readiness, showcase
from marketplace.models import AIModel, ModelChange, ServiceLevel
from marketplace.services import curation, levels
from tenants.staff_api import StaffView

Kind = ModelChange.Kind


class ModelChangeOut(serializers.ModelSerializer[ModelChange]):
    """A change of what customers see of a model, and where it stands."""

    model = serializers.SlugField(source="model.slug")
    offer = serializers.CharField(source="offer.name", default=None)
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None)
    gives_short_notice = serializers.SerializerMethodField()

    class Meta:
        model = ModelChange
        fields = (
            "id",
            "model",
            "offer",
            "kind",
            "status",
            "words",
            "takes_effect_at",
            "created_at",
            "proposed_by",
            "decided_by",
            "decided_at",
            "applied_at",
            "answer",
            "gives_short_notice",
        )

    def get_gives_short_notice(self, change: ModelChange) -> bool:
        """Return whether customers get less notice than they were promised."""
        return change.is_open and curation.is_short(change)


class LineOut(serializers.Serializer[Any]):
    """A line of a long text."""

    text = serializers.CharField()
    is_new = serializers.BooleanField()
    is_gone = serializers.BooleanField()


class DifferenceOut(serializers.Serializer[Any]):
    """A field that customers see, before and after, in words; a long text line by line."""

    field = serializers.CharField(source="label")
    before = serializers.CharField()
    after = serializers.CharField()
    lines = LineOut(many=True)


class CheckOut(serializers.Serializer[Any]):
    """What must be so before customers see a model, and what is missing."""

    title = serializers.CharField()
    is_done = serializers.BooleanField()
    missing = serializers.CharField()


class ModelChangeDetailOut(ModelChangeOut):
    """A change beside what is live, and what a publication still lacks."""

    differences = serializers.SerializerMethodField()
    checklist = serializers.SerializerMethodField()

    class Meta(ModelChangeOut.Meta):
        fields = (*ModelChangeOut.Meta.fields, "differences", "checklist")  # type: ignore[assignment]

    @extend_schema(responses=DifferenceOut(many=True))
    def get_differences(self, change: ModelChange) -> Any:
        """Return each field that customers will see otherwise."""
        return DifferenceOut(differences.of(change), many=True).data

    @extend_schema(responses=CheckOut(many=True))
    def get_checklist(self, change: ModelChange) -> Any:
        """Return the checklist of a publication; of other changes nothing."""
        is_publication = change.kind == Kind.PUBLISH
        checks = readiness.checklist(change.model) if is_publication else []
        return CheckOut(checks, many=True).data


class ProposalIn(serializers.Serializer[Any]):
    """What is to be different, by the names of the desk's fields; what is not named stays.

    Prices are per million tokens (`input`, `output`, `batch_input` …), with `effective_from`; a rise
    of the list that gives less notice than customers were promised waits for a colleague. A `level` says targets.
    Of `terms`, `prices` and `level`, `offer` names which.
    """

    kind = serializers.ChoiceField(choices=Kind.choices)
    facts = serializers.DictField(required=False, default=dict)
    #: Of a publication alone.
    words = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    takes_effect_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ProposalOut(serializers.Serializer[Any]):
    """What became of it: done, as nobody sees it or notice is given, or a change that waits."""

    is_done = serializers.BooleanField()
    change = ModelChangeDetailOut(allow_null=True)


class ApprovalIn(serializers.Serializer[Any]):
    """What the second person takes upon themselves, where customers get less notice."""

    accepts_short_notice = serializers.BooleanField(required=False, default=False)


class RefusalIn(serializers.Serializer[Any]):
    """Why a change is not wanted."""

    answer = serializers.CharField(max_length=1000)


class OutsideView(StaffView):
    """Lets staff in like the others, and enters ``service()`` itself: servers are asked meanwhile."""

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Run the handler outside any transaction."""
        return APIView.dispatch(self, request, *args, **kwargs)


class ChangeList(StaffView):
    """Changes of all models."""

    @extend_schema(
        operation_id="staff_model_changes",
        parameters=[
            OpenApiParameter("model", str, description="The address of a model."),
            OpenApiParameter("status", str, enum=ModelChange.Status.values),
        ],
        responses=paged(ModelChangeOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, the newest first."""
        found, asked = _changes(), request.query_params
        if slug := asked.get("model"):
            found = found.filter(model__slug=slug.replace("\0", ""))
        if status := asked.get("status"):
            found = found.filter(status=status.replace("\0", ""))
        page = NewestFirstPagination()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(ModelChangeOut(rows, many=True).data)


class ChangeDetail(StaffView):
    """One change."""

    @extend_schema(operation_id="staff_model_change", responses=ModelChangeDetailOut)
    def get(self, request: Request, change_id: uuid.UUID) -> Response:
        """Show a change beside what is live."""
        return Response(ModelChangeDetailOut(_change(change_id)).data)


class Proposals(OutsideView):
    """Proposing a change of one model."""

    @extend_schema(request=ProposalIn, responses={200: ProposalOut, 201: ProposalOut})
    def post(self, request: Request, slug: str) -> Response:
        """Propose a change; for a publication, the model's servers are asked whether they answer."""
        wanted = ProposalIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with service():
            model = _model(slug)
        if wanted.validated_data["kind"] == Kind.PUBLISH:
            due.ask_servers(model.pk)
        with service():
            change = self._propose(_model(slug), **wanted.validated_data)
            facts = {"is_done": change is None, "change": change}
            return Response(ProposalOut(facts).data, status=201 if change else 200)

    def _propose(
        self, model: AIModel, kind: str, facts: dict[str, Any], **publication: Any
    ) -> ModelChange | None:
        if kind == Kind.PUBLISH:
            proposing.refuse_unknown(facts, known=["takes_effect_at", "words"])
            return curation.submit(model, by=self.user, **publication)
        return proposing.propose(model, kind, facts, by=self.user)


class LevelOut(serializers.ModelSerializer[ServiceLevel]):
    """What customers of an offer were promised from a moment on; null is not promised.

    Times are in milliseconds, availability in hundredths; a step is how far a target is missed, in
    hundredths of it (of availability, in points), and what is credited then, in hundredths.
    """

    offer = serializers.CharField(source="offer.name")
    proposed_by = serializers.EmailField(source="proposed_by.email", default=None)
    approved_by = serializers.EmailField(source="approved_by.email", default=None)

    class Meta:
        model = ServiceLevel
        fields = ("offer", "number", "effective_from", *levels.FIELDS, "proposed_by", "approved_by")


class LevelList(StaffView):
    """What customers of a model were promised."""

    @extend_schema(operation_id="staff_model_levels", responses=LevelOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List the levels of its offers, the newest first; another is proposed as a change."""
        found = ServiceLevel.objects.filter(offer__model_version__model=_model(slug))
        rows = found.select_related("offer", "proposed_by", "approved_by").newest_first()
        return Response(LevelOut(rows, many=True).data)


class Approval(OutsideView):
    """The second person's consent."""

    @extend_schema(request=ApprovalIn, responses=ModelChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Let come about what a colleague proposed; a model's servers are asked once more before."""
        wanted = ApprovalIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        with service():
            change = _change(change_id)
        if change.kind == Kind.PUBLISH and change.is_proposed:
            due.ask_servers(change.model_id)
        with service():
            change = curation.approve(_change(change_id), by=self.user, **wanted.validated_data)
            return Response(ModelChangeDetailOut(change).data)


class Refusal(StaffView):
    """The second person's refusal."""

    @extend_schema(request=RefusalIn, responses=ModelChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close a proposal without effect, and say why."""
        wanted = RefusalIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        change = curation.refuse(_change(change_id), by=self.user, **wanted.validated_data)
        return Response(ModelChangeDetailOut(change).data)


class Withdrawal(StaffView):
    """Taking a change back."""

    @extend_schema(request=None, responses=ModelChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close what has not come about yet."""
        change = curation.take_back(_change(change_id), by=self.user)
        return Response(ModelChangeDetailOut(change).data)


def _changes() -> QuerySet[ModelChange]:
    return ModelChange.objects.select_related(
        "model__publisher", "model__replaced_by", "model__terms", "offer", "proposed_by",
        "decided_by",
    )  # fmt: skip


def _change(change_id: uuid.UUID) -> ModelChange:
    found = _changes().filter(pk=change_id).first()
    if found is None:
        raise NotFound
    return found


def _model(slug: str) -> AIModel:
    found = showcase.all_models().select_related("terms").filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found
