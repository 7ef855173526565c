"""Services over the management API, for staff: written by one, approved by another, as at the desk."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import NewestFirstPagination, paged
from common.errors import NotFound
from marketplace import application_changes, applications
from marketplace.change_api import DifferenceOut, RefusalIn
from marketplace.forms import translating
from marketplace.forms.applications import ApplicationForm, LastDayForm, NoteForm, RetireAtOnceForm
from marketplace.models import AIModel, Application, ApplicationChange
from marketplace.proposing import valid
from marketplace.services import applications as services
from tenants.once import once
from tenants.staff_api import StaffView

Kind = ApplicationChange.Kind


class StaffServiceOut(serializers.ModelSerializer[Application]):
    """A service as staff writes it."""

    status = serializers.CharField()
    kind = serializers.CharField()
    clearance = serializers.CharField()
    publisher_name = serializers.CharField(source="publisher.name")
    uses = serializers.SerializerMethodField()
    regions = serializers.SerializerMethodField()
    customers = serializers.IntegerField(help_text="How many organizations have it enabled.")

    class Meta:
        model = Application
        fields = (
            "slug", "status", *services.CARD, "published_at", "deprecated_at", "retires_at",
            "customers",
        )  # fmt: skip

    def get_uses(self, application: Application) -> list[str]:
        """Return the models that it calls, by their slugs."""
        return sorted(it.slug for it in application.uses.all())

    def get_regions(self, application: Application) -> list[str]:
        """Return the codes of the regions that it runs in."""
        return sorted(it.code for it in application.regions.all())


class StaffServiceDetailOut(StaffServiceOut):
    """A service as staff writes it, and what is missing before it can be sold."""

    missing = serializers.SerializerMethodField()

    class Meta(StaffServiceOut.Meta):
        fields = (*StaffServiceOut.Meta.fields, "missing")  # type: ignore[assignment]

    def get_missing(self, application: Application) -> list[str]:
        """Return, in sentences, what customers would miss were it published now."""
        return services.missing_for(application)


class ServiceChangeOut(serializers.ModelSerializer[ApplicationChange]):
    """A change of what customers see of a service, and where it stands."""

    service = serializers.SlugField(source="application.slug")
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None)

    class Meta:
        model = ApplicationChange
        fields = (
            "id", "service", "kind", "status", "words", "created_at", "proposed_by", "decided_by",
            "decided_at", "answer",
        )  # fmt: skip


class ServiceChangeDetailOut(ServiceChangeOut):
    """A change beside what is live."""

    differences = serializers.SerializerMethodField()

    class Meta(ServiceChangeOut.Meta):
        fields = (*ServiceChangeOut.Meta.fields, "differences")  # type: ignore[assignment]

    @extend_schema(responses=DifferenceOut(many=True))
    def get_differences(self, change: ApplicationChange) -> Any:
        """Return each field that customers will see otherwise."""
        return DifferenceOut(application_changes.of(change), many=True).data


class ServiceIn(serializers.Serializer[Any]):
    """A service by the names of the desk's fields; `uses` are models' slugs, `regions` codes.

    `translations` holds texts by field and then by language: `{"summary": {"fr": "…"}}`.
    """

    facts = serializers.DictField()


class ServiceProposalIn(serializers.Serializer[Any]):
    """What is to become of a service; what facts do not name stays.

    A `card` has the desk's fields, `deprecate` has `retires_on`, `retire` a `reason`.
    """

    kind = serializers.ChoiceField(choices=Kind.choices)
    facts = serializers.DictField(required=False, default=dict)
    words = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class ServiceProposalOut(serializers.Serializer[Any]):
    """What became of it: done at once, of what customers do not see yet, or a change that waits."""

    is_done = serializers.BooleanField()
    change = ServiceChangeDetailOut(allow_null=True)


class StaffServiceList(StaffView):
    """The services."""

    @extend_schema(operation_id="staff_services", responses=paged(StaffServiceOut))
    def get(self, request: Request) -> Response:
        """List them all, drafts and retired ones included, the newest first."""
        page = NewestFirstPagination()
        rows = page.paginate_queryset(applications.for_desk(), request, view=self)
        return page.get_paginated_response(StaffServiceOut(rows, many=True).data)

    @extend_schema(
        operation_id="staff_service_add",
        request=ServiceIn,
        responses={201: StaffServiceDetailOut},
        examples=[
            OpenApiExample(
                "A draft",
                {
                    "facts": {
                        "name": "Letters",
                        "publisher_name": "Example",
                        "kind": "application",
                        "summary": "Drafts answers to letters.",
                        "description": "Reads a letter and drafts an answer.",
                        "uses": ["atlas-mini"],
                        "regions": ["eu-paris"],
                        "clearance": "internal",
                        "data_policy": "Nothing is kept.",
                    }
                },
                request_only=True,
            )
        ],
    )
    @once()
    def post(self, request: Request) -> Response:
        """Add a service as a draft, which customers do not see."""
        facts = translating.spread(_read(ServiceIn, request)["facts"])
        form = valid(ApplicationForm(_keyed(facts)), facts)
        card = dict(form.cleaned_data)
        application = services.add(card, slug=card.pop("slug"), by=self.user)
        return Response(StaffServiceDetailOut(_service(application.slug)).data, status=201)


class StaffServiceDetail(StaffView):
    """One service."""

    @extend_schema(operation_id="staff_service", responses=StaffServiceDetailOut)
    def get(self, request: Request, slug: str) -> Response:
        """Show a service as it is written."""
        return Response(StaffServiceDetailOut(_service(slug)).data)


class ServiceProposals(StaffView):
    """Changing one service."""

    @extend_schema(
        operation_id="staff_service_propose",
        request=ServiceProposalIn,
        responses={200: ServiceProposalOut, 201: ServiceProposalOut},
    )
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Change a draft at once; of what customers see, propose it for a colleague to approve."""
        wanted = _read(ServiceProposalIn, request)
        change = self._propose(_service(slug), **wanted)
        told = ServiceProposalOut({"is_done": change is None, "change": change}).data
        return Response(told, status=201 if change else 200)

    def _propose(
        self, application: Application, kind: str, facts: dict[str, Any], words: str
    ) -> ApplicationChange | None:
        match kind:
            case Kind.PUBLISH:
                valid(NoteForm({"words": words}), facts)
                return services.submit(application, by=self.user, words=words)
            case Kind.DEPRECATE:
                last = valid(LastDayForm(facts), facts).retires_at()
                return services.propose_last_day(application, last, by=self.user, words=words)
            case Kind.RETIRE:
                reason = valid(RetireAtOnceForm(facts), facts).cleaned_data["reason"]
                return services.propose_retirement(application, reason, by=self.user)
        facts = translating.spread(facts)
        blank = ApplicationForm(application=application)
        present = {name: blank[name].initial for name in blank.fields}
        form = ApplicationForm({**present, **_keyed(facts)}, application=application)
        card = valid(form, facts).cleaned_data
        return services.edit(application, card, by=self.user, words=words)


class ServiceChangeList(StaffView):
    """Changes of all services."""

    @extend_schema(
        operation_id="staff_service_changes",
        parameters=[
            OpenApiParameter("service", str, description="The address of a service."),
            OpenApiParameter("status", str, enum=ApplicationChange.Status.values),
        ],
        responses=paged(ServiceChangeOut),
    )
    def get(self, request: Request) -> Response:
        """List what was proposed, the newest first."""
        found, asked = _changes(), request.query_params
        if slug := asked.get("service"):
            found = found.filter(application__slug=slug.replace("\0", ""))
        if status := asked.get("status"):
            found = found.filter(status=status.replace("\0", ""))
        page = NewestFirstPagination()
        rows = page.paginate_queryset(found, request, view=self)
        return page.get_paginated_response(ServiceChangeOut(rows, many=True).data)


class ServiceChangeDetail(StaffView):
    """One change."""

    @extend_schema(operation_id="staff_service_change", responses=ServiceChangeDetailOut)
    def get(self, request: Request, change_id: uuid.UUID) -> Response:
        """Show a change beside what is live."""
        return Response(ServiceChangeDetailOut(_change(change_id)).data)


class ServiceApproval(StaffView):
    """The second person's consent."""

    @extend_schema(request=None, responses=ServiceChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Let come about what a colleague proposed."""
        change = services.approve(_change(change_id), by=self.user)
        return Response(ServiceChangeDetailOut(change).data)


class ServiceRefusal(StaffView):
    """The second person's refusal."""

    @extend_schema(request=RefusalIn, responses=ServiceChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close a proposal without effect, and say why."""
        answer = _read(RefusalIn, request)["answer"]
        change = services.refuse(_change(change_id), by=self.user, answer=answer)
        return Response(ServiceChangeDetailOut(change).data)


class ServiceWithdrawal(StaffView):
    """Taking a proposal back."""

    @extend_schema(request=None, responses=ServiceChangeDetailOut)
    def post(self, request: Request, change_id: uuid.UUID) -> Response:
        """Close what nobody has decided on."""
        change = services.take_back(_change(change_id), by=self.user)
        return Response(ServiceChangeDetailOut(change).data)


def _read(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    facts: dict[str, Any] = wanted.validated_data
    return facts


def _keyed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts with the keys of the models that they name by slug."""
    # No name holds a NUL, and PostgreSQL is not asked for one.
    lists = {
        name: [str(it).replace("\0", "") for it in facts[name]]
        for name in ("uses", "regions", "languages")
        if isinstance(facts.get(name), list)
    }
    slugs = lists.get("uses", [])
    keys = dict(AIModel.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    return {
        **facts,
        **lists,
        **({"uses": [str(keys.get(it, it)) for it in slugs]} if slugs else {}),
    }


def _service(slug: str) -> Application:
    found = applications.for_desk().filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def _changes() -> QuerySet[ApplicationChange]:
    return ApplicationChange.objects.select_related(
        "application__publisher", "proposed_by", "decided_by"
    )


def _change(change_id: uuid.UUID) -> ApplicationChange:
    found = _changes().filter(pk=change_id).first()
    if found is None:
        raise NotFound
    return found
