"""Contracts of customers over the management API, for the operator's staff."""

import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing import agreements, terms_api
from billing.api import PlainDecimal
from billing.contract_forms import ContractForm, EndForm, OrderForm
from billing.models import Contract, ContractEnd, Plan, PurchaseOrder
from billing.services import contracts, endings
from billing.terms_api import TermsIn, TermsOut
from common.errors import DomainError, NotFound
from tenants.key_api import Strict
from tenants.models import Organization
from tenants.once import once
from tenants.staff_api import StaffView


class ContractChange(TermsIn):
    """What of a draft is to be otherwise."""

    number = serializers.CharField(max_length=40, required=False)
    starts_on = serializers.DateField(required=False)
    ends_on = serializers.DateField(required=False, allow_null=True)
    time_zone = serializers.CharField(max_length=50, required=False)
    recipients = serializers.ListField(
        child=serializers.EmailField(), required=False, max_length=20
    )


class ContractIn(ContractChange):
    """A contract to be drafted: what it does not say is as in the plan or contract it names."""

    number = serializers.CharField(max_length=40)
    starts_on = serializers.DateField(help_text="Today or later where the customer is billed.")
    plan = serializers.SlugField(required=False, max_length=40, help_text="A plan's code.")
    like = serializers.CharField(
        required=False, max_length=40, help_text="The number of one of the customer's contracts."
    )

    def validate(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Let terms come from one place."""
        if "plan" in sent and "like" in sent:
            raise serializers.ValidationError({"like": "Name a plan or a contract, not both."})
        return sent


class SeenIn(Strict):
    """What was read of it."""

    seen = serializers.CharField(max_length=64, help_text="The `version` that you have read.")


class EndIn(Strict):
    """A contract's last day, and what follows."""

    ends_on = serializers.DateField()
    followed_by = serializers.SlugField(
        required=False,
        allow_null=True,
        max_length=40,
        help_text="A plan's code; null: prepaid credit at list prices.",
    )
    words = serializers.CharField(max_length=1000)


class EndOut(serializers.Serializer[Any]):
    """An end that was proposed, and what was decided."""

    id = serializers.UUIDField()
    contract = serializers.CharField(source="contract.number")
    ends_on = serializers.DateField()
    followed_by = serializers.CharField(source="followed_by.code", default=None, allow_null=True)
    words = serializers.CharField()
    status = serializers.CharField()
    proposed_by = serializers.CharField(source="proposed_by.email")
    decided_by = serializers.CharField(source="decided_by.email", default=None, allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    version = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "nullable": True})
    def get_version(self, end: ContractEnd) -> str | None:
        """What to send as `seen` when it is approved; none once it is decided."""
        return end.version if end.is_proposed else None


class ContractOut(TermsOut):
    """A contract."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    status = serializers.CharField()
    plan = serializers.CharField(source="plan.code", default=None, allow_null=True)
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(allow_null=True)
    time_zone = serializers.CharField()
    recipients = serializers.ListField(child=serializers.CharField())
    effective_from = serializers.DateTimeField(allow_null=True)
    effective_until = serializers.DateTimeField(allow_null=True)
    drafted_by = serializers.CharField(
        source="drafted_by.email", default=None, allow_null=True, help_text="Somebody else signs."
    )
    signed_by = serializers.CharField(source="signed_by.email", default=None, allow_null=True)
    signed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "nullable": True})
    def get_version(self, contract: Contract) -> str | None:
        """What to send as `seen` when a draft is signed; none once it is."""
        return contract.version if contract.is_draft else None


class OrderIn(Strict):
    """A purchase order to be noted."""

    number = serializers.CharField(max_length=60)
    amount = serializers.RegexField(terms_api.AMOUNT)
    starts_on = serializers.DateField()
    lapses_on = serializers.DateField()


class OrderOut(serializers.Serializer[Any]):
    """A purchase order and what is left of it."""

    id = serializers.UUIDField(source="order.pk")
    number = serializers.CharField(source="order.number")
    currency = serializers.CharField(source="order.currency")
    amount = PlainDecimal(source="order.amount")
    used = PlainDecimal(source="used.amount")
    left = PlainDecimal(source="left.amount")
    starts_on = serializers.DateField(source="order.starts_on")
    lapses_on = serializers.DateField(source="order.lapses_on")
    closed_at = serializers.DateTimeField(source="order.closed_at", allow_null=True)


class ContractList(StaffView):
    """The contracts of a customer."""

    @extend_schema(operation_id="staff_contracts", responses=ContractOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List drafts and signed contracts, the latest first."""
        return Response(ContractOut(agreements.of(_customer(slug)), many=True).data)

    @extend_schema(request=ContractIn, responses={201: ContractOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Draft a contract. Signed, it ends the one that holds where it begins: never in the past."""
        organization = _customer(slug)
        sent = _read(ContractIn, request)
        blank = agreements.blank(organization, **_pattern(organization, sent))
        facts = terms_api.read(ContractForm, blank, sent)
        facts |= {"currency": organization.currency, "plan": blank.plan}
        contract = contracts.draft(organization, by=self.user, facts=facts)
        return Response(ContractOut(contract).data, status=201)


class ContractDetail(StaffView):
    """One contract."""

    @extend_schema(responses=ContractOut)
    def get(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """Show a contract."""
        return Response(ContractOut(_contract(slug, contract_id)).data)

    @extend_schema(request=ContractChange, responses=ContractOut)
    def patch(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """Change a draft; a signed contract is changed by one that begins later."""
        contract = _contract(slug, contract_id)
        facts = terms_api.read(ContractForm, contract, _read(ContractChange, request))
        contract = contracts.change(contract, by=self.user, facts=facts)
        return Response(ContractOut(contract).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """Throw a draft away."""
        contracts.discard(_contract(slug, contract_id), by=self.user)
        return Response(status=204)


class ContractSign(StaffView):
    """The signing of a contract."""

    @extend_schema(request=SeenIn, responses=ContractOut)
    def post(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """Let what somebody else drafted hold from its first day on: today's from the next quarter."""
        seen = _read(SeenIn, request)["seen"]
        contract = contracts.sign(_contract(slug, contract_id), by=self.user, seen=seen)
        return Response(ContractOut(contract).data)


class ContractEnds(StaffView):
    """The end of a contract."""

    @extend_schema(operation_id="staff_contract_ends", responses=EndOut(many=True))
    def get(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """List the ends that were proposed, the latest first."""
        found = agreements.ends().filter(contract=_contract(slug, contract_id))
        return Response(EndOut(found, many=True).data)

    @extend_schema(request=EndIn, responses={201: EndOut})
    @once()
    def post(self, request: Request, slug: str, contract_id: uuid.UUID) -> Response:
        """Propose a contract's last day; somebody else has to approve it."""
        contract = _contract(slug, contract_id)
        sent = _read(EndIn, request)
        plan = None
        if sent.get("followed_by") is not None:
            offered = EndForm(currency=contract.currency).fields["followed_by"].queryset  # type: ignore[attr-defined]
            plan = terms_api.choose("followed_by", "code", sent["followed_by"], offered)
        end = endings.propose(
            contract, on=sent["ends_on"], followed_by=plan, words=sent["words"], by=self.user
        )
        return Response(EndOut(end).data, status=201)


class EndApprove(StaffView):
    """A second person's yes."""

    @extend_schema(request=SeenIn, responses=EndOut)
    def post(self, request: Request, end_id: uuid.UUID) -> Response:
        """End the contract as somebody else proposed, the plan as it was read."""
        seen = _read(SeenIn, request)["seen"]
        return Response(EndOut(endings.approve(_end(end_id), by=self.user, seen=seen)).data)


class EndRefuse(StaffView):
    """A no."""

    @extend_schema(request=None, responses=EndOut)
    def post(self, request: Request, end_id: uuid.UUID) -> Response:
        """Close a proposal without effect; the proposer may do that too."""
        return Response(EndOut(endings.refuse(_end(end_id), by=self.user)).data)


class OrderList(StaffView):
    """The purchase orders of a customer."""

    @extend_schema(operation_id="staff_purchase_orders", responses=OrderOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """List purchase orders with what is left of each."""
        return Response(OrderOut(_standing(_customer(slug)), many=True).data)

    @extend_schema(request=OrderIn, responses={201: OrderOut})
    @once()
    def post(self, request: Request, slug: str) -> Response:
        """Note a purchase order."""
        organization = _customer(slug)
        form = OrderForm(_read(OrderIn, request), currency=organization.currency)
        if not form.is_valid():
            words = {name: [str(it) for it in found] for name, found in form.errors.items()}
            raise DomainError(field_errors=words)
        order = contracts.add_order(organization, by=self.user, **form.cleaned_data)
        standing = [it for it in _standing(organization) if it.order.pk == order.pk]
        return Response(OrderOut(standing[0]).data, status=201)


class OrderClose(StaffView):
    """The end of a purchase order."""

    @extend_schema(request=None, responses=OrderOut)
    def post(self, request: Request, slug: str, order_id: uuid.UUID) -> Response:
        """Take nothing more from a purchase order; closing it twice changes nothing."""
        organization = _customer(slug)
        found = PurchaseOrder.objects.filter(organization=organization, pk=order_id).first()
        if found is None:
            raise NotFound
        order = contracts.close_order(found, by=self.user)
        standing = [it for it in _standing(organization) if it.order.pk == order.pk]
        return Response(OrderOut(standing[0]).data)


def _standing(organization: Organization) -> list[agreements.StandingOrder]:
    return agreements.purchase_orders(organization, timezone.now().date())


def _pattern(organization: Organization, sent: dict[str, Any]) -> dict[str, Any]:
    if code := sent.get("plan"):
        offered = Plan.objects.filter(is_offered=True, currency=organization.currency)
        return {"plan": terms_api.choose("plan", "code", code, offered)}
    if number := sent.get("like"):
        own = Contract.objects.filter(organization=organization)
        return {"like": terms_api.choose("like", "number", number, own)}
    return {}


def _read(shape: type[Strict], request: Request) -> dict[str, Any]:
    wanted = shape(data=request.data)
    wanted.is_valid(raise_exception=True)
    read: dict[str, Any] = wanted.validated_data
    return read


def _customer(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise NotFound
    return found


def _contract(slug: str, contract_id: uuid.UUID) -> Contract:
    found = agreements.of(_customer(slug)).filter(pk=contract_id).first()
    if found is None:
        raise NotFound
    return found


def _end(end_id: uuid.UUID) -> ContractEnd:
    found = agreements.ends().filter(pk=end_id).first()
    if found is None:
        raise NotFound
    return found
