"""Everything that says who exists and what was done."""

from tenants.models.answers import RememberedAnswer
from tenants.models.api_key import ApiKey
from tenants.models.audit import AuditEntry
from tenants.models.classification import Classification
from tenants.models.membership import GRANTS, Invitation, Membership, Permission, Role
from tenants.models.organization import Organization, Project, Region
from tenants.models.user import User
from tenants.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "GRANTS",
    "ApiKey",
    "AuditEntry",
    "Classification",
    "Invitation",
    "Membership",
    "Organization",
    "Permission",
    "Project",
    "Region",
    "RememberedAnswer",
    "Role",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
]
