"""What a customer may know of the customers that it brought."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Sum
from django.urls import reverse

from billing.models import Referral, ReferralCode, ReferralTerms
from billing.services import referral_terms
from common.money import Money
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Summary:
    """A customer's link, what holds, and what came of it so far."""

    #: Empty until somebody makes it.
    link: str
    terms: ReferralTerms | None
    brought: int
    credited: int
    earned: list[Money]


def summary(organization: Organization) -> Summary:
    """Return how it stands; asked as the service, for terms are the operator's."""
    code = ReferralCode.objects.filter(organization=organization).first()
    found = Referral.objects.filter(organization=organization)
    sums = (
        found.paid()
        .filter(referrer_grant__isnull=False)
        .values_list("terms__currency")
        .annotate(Sum("referrer_grant__granted"))
        .order_by("terms__currency")
    )
    counted = found.aggregate(brought=Count("pk"))
    return Summary(
        link=address(code) if code else "",
        terms=referral_terms.running_now(organization.currency),
        brought=counted["brought"],
        credited=found.paid().count(),
        earned=[Money(amount or Decimal(0), currency) for currency, amount in sums],
    )


def address(code: ReferralCode) -> str:
    """Return the whole address that a customer sends to others."""
    return settings.PUBLIC_URL + reverse("billing:referral", args=[code.code])
