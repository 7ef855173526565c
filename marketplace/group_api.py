"""Customer groups over the management API, for the operator's staff."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import NotFound
from marketplace import bookshelf
from marketplace.models import CustomerGroup, PriceMove
from marketplace.services import books, moves
from tenants.models import Organization
from tenants.once import once
from tenants.staff_api import StaffView


class CustomerGroupIn(serializers.Serializer[Any]):
    """A new group."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=100)


class CustomerGroupOut(CustomerGroupIn):
    """A group of customers."""

    customers = serializers.SerializerMethodField()

    def get_customers(self, group: CustomerGroup) -> list[str]:
        """Return who is in it."""
        members = Organization.objects.filter(customer_group__group=group)
        return list(members.order_by("slug").values_list("slug", flat=True))


class PlannedMoveOut(serializers.Serializer[Any]):
    """What waits until the notice is over that customers get of higher prices."""

    takes_effect_at = serializers.DateTimeField()


class GroupList(StaffView):
    """The customer groups."""

    @extend_schema(operation_id="staff_customer_groups", responses=CustomerGroupOut(many=True))
    def get(self, request: Request) -> Response:
        """List the groups and who is in each."""
        return Response(CustomerGroupOut(bookshelf.groups(), many=True).data)

    @extend_schema(request=CustomerGroupIn, responses={201: CustomerGroupOut})
    @once()
    def post(self, request: Request) -> Response:
        """Make a group."""
        wanted = CustomerGroupIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        group = books.open_group(**wanted.validated_data, by=self.user)
        return Response(CustomerGroupOut(group).data, status=201)


class GroupDetail(StaffView):
    """One customer group."""

    @extend_schema(responses=CustomerGroupOut)
    def get(self, request: Request, code: str) -> Response:
        """Show a group and who is in it."""
        return Response(CustomerGroupOut(_group(code)).data)


class GroupMembership(StaffView):
    """A customer in a group."""

    @extend_schema(request=None, responses={200: CustomerGroupOut, 202: PlannedMoveOut})
    def put(self, request: Request, code: str, slug: str) -> Response:
        """Let a customer in, who leaves any other group; planned, where they come to pay more."""
        group = _group(code)
        customer = _customer(Organization.objects.filter(slug=slug).first())
        return _moved(moves.join(customer, group, by=self.user), group)

    @extend_schema(responses={200: CustomerGroupOut, 202: PlannedMoveOut})
    def delete(self, request: Request, code: str, slug: str) -> Response:
        """Take a customer out; planned, where they come to pay more.

        Who is not in the group is not found.
        """
        group = _group(code)
        member = Organization.objects.filter(customer_group__group=group, slug=slug).first()
        return _moved(moves.join(_customer(member), None, by=self.user), group)


def _moved(made: PriceMove | int, group: CustomerGroup) -> Response:
    if isinstance(made, PriceMove):
        return Response(PlannedMoveOut(made).data, status=202)
    return Response(CustomerGroupOut(group).data)


def _group(code: str) -> CustomerGroup:
    found = bookshelf.groups().filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def _customer(found: Organization | None) -> Organization:
    if found is None:
        raise NotFound
    return found
