"""A sign of abuse, for pages to show."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from billing.models import SpendBucket
from billing.services import unusual_spend
from common.database import service
from tenants.models import AbuseSignal, Organization, Project
from tenants.scope import scope
from tenants.services import api_keys


def raise_one(slug):
    """Let a customer of long ago spend much with a new key; print the id of the sign."""
    now = timezone.now()
    with service():
        organization = Organization.objects.get(slug=slug)
        Organization.objects.filter(slug=slug).update(created_at=now - timedelta(days=60))
        owner = organization.memberships.filter(role="owner").first().user
    with scope(organization):
        key = api_keys.create(organization, name="Left in a repository", by=owner).api_key
    with service():
        SpendBucket.objects.create(
            organization=organization,
            project=Project.objects.filter(organization=organization).first(),
            api_key=key,
            offer_name="atlas-large",
            currency=organization.currency,
            starts_at=now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0),
            amount=Decimal("1234.56"),
        )
    unusual_spend.sweep()
    with service():
        found = AbuseSignal.objects.get(organization=organization, kind="spend_spike")
    print(found.pk)  # noqa: T201 - whoever runs it reads that
