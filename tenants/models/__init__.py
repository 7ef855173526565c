"""Everything that says who exists and what was done."""

from tenants.models.abuse import AbuseSignal
from tenants.models.answers import RememberedAnswer
from tenants.models.api_key import ApiKey
from tenants.models.audit import AuditEntry
from tenants.models.classification import Classification
from tenants.models.membership import GRANTS, Invitation, Membership, Permission, Role
from tenants.models.notes import CustomerNote
from tenants.models.organization import Organization, Project, Region
from tenants.models.owed import OwedMail
from tenants.models.restrictions import Restriction
from tenants.models.sign_up import SignUp, SignUpPolicy
from tenants.models.support import SupportAccess
from tenants.models.user import User
from tenants.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)

__all__ = [
    "GRANTS",
    "AbuseSignal",
    "ApiKey",
    "AuditEntry",
    "Classification",
    "CustomerNote",
    "Invitation",
    "Membership",
    "Organization",
    "OwedMail",
    "Permission",
    "Project",
    "Region",
    "RememberedAnswer",
    "Restriction",
    "Role",
    "SignUp",
    "SignUpPolicy",
    "SupportAccess",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookEvent",
]
