"""Where an organization's requests may be served, and how confidential its data is, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.models import Classification, Organization, Permission, User
from tenants.organization_api import OrganizationView, key_of
from tenants.queries import jurisdictions
from tenants.scope import scope
from tenants.services import organizations


class PolicyIn(serializers.Serializer[Any]):
    """What is left out stays."""

    allowed_jurisdictions = serializers.ListField(
        child=serializers.CharField(max_length=10), required=False, max_length=50
    )
    classification = serializers.ChoiceField(Classification.choices, required=False)

    def validate_allowed_jurisdictions(self, value: list[str]) -> list[str]:
        """Refuse places where the operator does not compute; none means everywhere it does."""
        known = {code for code, _name in jurisdictions(also=self.context["present"])}
        for code in value:
            if code not in known:
                raise serializers.ValidationError(
                    f"The operator does not compute in “{code}”: one of {', '.join(sorted(known))}."
                )
        return list(dict.fromkeys(value))


class PolicyOut(serializers.ModelSerializer[Organization]):
    """What admission asks of the organization's policy."""

    class Meta:
        model = Organization
        fields = ("allowed_jurisdictions", "classification")


class OrganizationPolicy(OrganizationView):
    """The organization's policy."""

    permissions = {"GET": Permission.SETTINGS_READ, "PATCH": Permission.SETTINGS_MANAGE}

    @extend_schema(responses=PolicyOut)
    def get(self, request: Request, org: str) -> Response:
        """Show the policy."""
        return Response(PolicyOut(self.organization).data)

    @extend_schema(request=PolicyIn, responses=PolicyOut)
    def patch(self, request: Request, org: str) -> Response:
        """Change the policy; it holds for the gateway within five seconds."""
        assert isinstance(request.user, User)  # noqa: S101 - the gate has seen to it
        with scope(self.organization):
            present = self.organization.allowed_jurisdictions
            wanted = PolicyIn(data=request.data, context={"present": present})
            wanted.is_valid(raise_exception=True)
            facts = wanted.validated_data
            changed = organizations.change(
                self.organization, by=request.user, through=key_of(request), **facts
            )
            return Response(PolicyOut(changed).data)
