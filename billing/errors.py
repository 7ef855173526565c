"""Why billing refuses."""

from django.utils.translation import gettext_lazy as _

from billing.rating.definition import InvalidPrice
from common.errors import DomainError, Forbidden


class UnratablePrice(DomainError):
    """A price definition, or what is to be rated by it, cannot be understood."""

    code = "invalid_price"
    detail = _("This price cannot be rated.")

    @classmethod
    def because(cls, error: InvalidPrice) -> "UnratablePrice":
        """Return the refusal that names the field."""
        return cls(field_errors={error.field: [error.reason]})


class OrganizationSuspended(Forbidden):
    """Who is shut out is not sold what it could not use."""

    code = "organization_suspended"
    detail = _("The organization is suspended and cannot buy. The reason stands in its audit log.")
