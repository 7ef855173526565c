"""The site and its legal pages over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.api import paged
from common.errors import NotFound
from front import asked
from front import legal as holding
from front.forms.legal import LegalForm, RefuseForm
from front.forms.site import PLAIN, TEXTS, SiteForm
from front.models import LegalKind, LegalText, SiteVersion
from front.models.site import SiteVersionQuerySet
from front.services import legal, site
from tenants.once import once
from tenants.staff_api import StaffView

#: Texts of the site have the same name as the fields that they are typed in.
SAME = {name: name for name in TEXTS}


class SiteOut(serializers.ModelSerializer[SiteVersion]):
    """A version of the site; what is empty is as the settings have it."""

    status = serializers.CharField()
    logo = serializers.CharField(source="logo.digest", default=None)
    logo_dark = serializers.CharField(source="logo_dark.digest", default=None)
    favicon = serializers.CharField(source="favicon.digest", default=None)
    written_by = serializers.EmailField(source="written_by.email")
    published_by = serializers.EmailField(source="published_by.email", default=None)

    class Meta:
        model = SiteVersion
        fields = (
            "id", "status", *PLAIN, "logo", "logo_dark", "favicon", "words", "written_by",
            "published_by", "published_at",
        )  # fmt: skip


class SiteIn(serializers.Serializer[Any]):
    """What the draft is to say; what is not named stays. Pictures are put in at the desk."""

    facts = serializers.DictField(
        help_text="The desk's fields: " + ", ".join(PLAIN) + ".", required=False, default=dict
    )
    words = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(allow_blank=True)),
        help_text="By name (" + ", ".join(TEXTS) + "), and then by language.",
        required=False,
        default=dict,
    )


class LegalOut(serializers.ModelSerializer[LegalText]):
    """A version of a legal page in every language, and who agreed to it."""

    kind = serializers.CharField()
    status = serializers.CharField()
    is_in_force = serializers.SerializerMethodField()
    proposed_by = serializers.EmailField(source="proposed_by.email")
    decided_by = serializers.EmailField(source="decided_by.email", default=None)

    class Meta:
        model = LegalText
        fields = (
            "id", "kind", "version", "texts", "effective_on", "status", "is_in_force",
            "proposed_by", "decided_by", "decided_at", "answer",
        )  # fmt: skip

    def get_is_in_force(self, text: LegalText) -> bool:
        """Return whether it holds today."""
        return holding.in_force().get(text.kind) == text


class LegalIn(serializers.Serializer[Any]):
    """A version of a legal page, in Markdown, and from which day on it holds."""

    kind = serializers.ChoiceField(LegalKind.choices)
    version = serializers.CharField(max_length=20)
    texts = asked.texts("What it says")
    effective_on = serializers.DateField()


class LegalRefusalIn(serializers.Serializer[Any]):
    """Why a version is not wanted."""

    answer = serializers.CharField(max_length=1000)


class StaffSite(StaffView):
    """The operator's face."""

    @extend_schema(operation_id="staff_site_versions", responses=paged(SiteOut))
    def get(self, request: Request) -> Response:
        """List the versions, the newest first: the draft, what is live, and what was."""
        return asked.page(self, request, _versions(), SiteOut)

    @extend_schema(operation_id="staff_site_draft", request=SiteIn, responses=SiteOut)
    def patch(self, request: Request) -> Response:
        """Change the draft; without one, it begins as what is live."""
        wanted = asked.read(SiteIn, request)
        versions = _versions()
        version = versions.drafts().first() or versions.live().first()
        asked.refuse_unknown("facts", wanted["facts"], PLAIN)
        asked.refuse_unknown("words", wanted["words"], TEXTS)
        texts = asked.spread(wanted["words"], SAME)
        shown = SiteForm(version=version)
        present = {name: shown[name].value() for name in shown.fields}
        form = SiteForm({**present, **wanted["facts"], **texts}, version=version)
        asked.valid(form, SAME)
        draft = site.draft(form.facts(), by=self.user)
        return Response(SiteOut(draft).data)


class SitePublication(StaffView):
    """Showing the draft to everybody."""

    @extend_schema(operation_id="staff_site_publish", request=None, responses=SiteOut)
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Show it on every page, within five seconds; what was live is kept."""
        version = _version(_versions(), version_id)
        return Response(SiteOut(site.publish(version, by=self.user)).data)


class SiteDiscard(StaffView):
    """Throwing the draft away."""

    @extend_schema(operation_id="staff_site_discard", request=None, responses={204: None})
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Throw it away; what was published stays."""
        site.discard(_version(_versions().drafts(), version_id), by=self.user)
        return Response(status=204)


class SiteRestoration(StaffView):
    """An earlier version."""

    @extend_schema(operation_id="staff_site_restore", request=None, responses=SiteOut)
    def post(self, request: Request, version_id: uuid.UUID) -> Response:
        """Make it the draft, to be published as any."""
        version = _version(_versions().published(), version_id)
        return Response(SiteOut(site.restore(version, by=self.user)).data)


class StaffLegal(StaffView):
    """Legal pages."""

    @extend_schema(operation_id="staff_legal_texts", responses=paged(LegalOut))
    def get(self, request: Request) -> Response:
        """List every version of every page, the newest first."""
        return asked.page(self, request, _legal_texts(), LegalOut)

    @extend_schema(operation_id="staff_legal_propose", request=LegalIn, responses={201: LegalOut})
    @once()
    def post(self, request: Request) -> Response:
        """Propose a version of a page; a colleague decides."""
        facts = asked.read(LegalIn, request)
        kind = LegalKind(facts["kind"])
        form = asked.valid(LegalForm(asked.spread(facts)))
        made = legal.propose(kind, by=self.user, **form.facts())
        return Response(LegalOut(made).data, status=201)


class LegalDetail(StaffView):
    """One version of a legal page."""

    @extend_schema(operation_id="staff_legal_text", responses=LegalOut)
    def get(self, request: Request, text_id: uuid.UUID) -> Response:
        """Show a version."""
        return Response(LegalOut(_legal_text(text_id)).data)


class LegalApproval(StaffView):
    """The second person's consent."""

    @extend_schema(operation_id="staff_legal_approve", request=None, responses=LegalOut)
    def post(self, request: Request, text_id: uuid.UUID) -> Response:
        """Let a version that a colleague wrote hold from its day on."""
        return Response(LegalOut(legal.approve(_legal_text(text_id), by=self.user)).data)


class LegalRefusal(StaffView):
    """The second person's refusal."""

    @extend_schema(operation_id="staff_legal_refuse", request=LegalRefusalIn, responses=LegalOut)
    def post(self, request: Request, text_id: uuid.UUID) -> Response:
        """Close a proposal, and say why."""
        form = asked.valid(RefuseForm(asked.read(LegalRefusalIn, request)))
        answer = form.cleaned_data["answer"]
        text = legal.refuse(_legal_text(text_id), by=self.user, answer=answer)
        return Response(LegalOut(text).data)


class LegalWithdrawal(StaffView):
    """Taking a proposal back."""

    @extend_schema(operation_id="staff_legal_withdraw", request=None, responses=LegalOut)
    def post(self, request: Request, text_id: uuid.UUID) -> Response:
        """Close a proposal that nobody decided on."""
        return Response(LegalOut(legal.take_back(_legal_text(text_id), by=self.user)).data)


def _versions() -> SiteVersionQuerySet:
    return SiteVersion.objects.pictured().select_related(
        "logo", "logo_dark", "favicon", "written_by", "published_by"
    )


def _version(found: SiteVersionQuerySet, version_id: uuid.UUID) -> SiteVersion:
    version = found.filter(pk=version_id).first()
    if version is None:
        raise NotFound
    return version


def _legal_texts() -> QuerySet[LegalText]:
    return LegalText.objects.select_related("proposed_by", "decided_by")


def _legal_text(text_id: uuid.UUID) -> LegalText:
    found = _legal_texts().filter(pk=text_id).first()
    if found is None:
        raise NotFound
    return found
