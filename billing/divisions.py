"""What an organization's invoices are divided by: its projects, cost centres or keys.

Called in a scope, or as the service.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import groups, periods
from billing.counted import COLUMNS
from billing.drafts import Shares
from billing.models import BillingProfile, CostCentre, CostCentreProject, InvoiceLine, Split
from billing.periodic import Key, Owner
from common.database import rows
from tenants.models import ApiKey, Organization, Project

PROJECT, KEY = "project_id", "api_key_id"
_USED = ", ".join(f"('{part}', {column})" for part, column in COLUMNS.items())


def _shares(column: str, *, by_day: bool = False) -> str:
    """Return the query of tokens by price and owner, from the sums of quarter-hours.

    Each sum by price is shared as the same quarter-hour's tokens of the same part were used.
    """
    day = ", (starts_at AT TIME ZONE %(zone)s)::date AS day" if by_day else ""
    return f"""
WITH used AS (
    SELECT starts_at, offer_name, token_part, {column} AS owner, sum(tokens) AS tokens,
        sum(sum(tokens)) OVER (PARTITION BY starts_at, offer_name, token_part) AS total
    FROM metering_usagebucket
    CROSS JOIN LATERAL (VALUES {_USED}, ('requests', requests)) AS part(token_part, tokens)
    WHERE organization_id = %(organization)s
        AND starts_at >= %(start)s AND starts_at < %(end)s AND tokens <> 0
    GROUP BY starts_at, offer_name, token_part, {column}
)
SELECT offer_name, token_part, price_id, multiplier, owner{day},
    sum(priced.tokens * used.tokens / used.total) AS tokens
FROM billing_pricedbucket priced JOIN used USING (starts_at, offer_name, token_part)
WHERE priced.organization_id = %(organization)s
    AND starts_at >= %(start)s AND starts_at < %(end)s
GROUP BY offer_name, token_part, price_id, multiplier, owner{", day" if by_day else ""}
"""  # noqa: S608 - the names are this module's own


@dataclass(frozen=True, slots=True)
class Division:
    """Which part of an organization its usage belongs to."""

    #: Whose usage it is: the column of a project or of a key.
    by: str
    names: Mapping[UUID, str]
    #: What belongs to no other part.
    rest: str

    def name(self, owner: Owner) -> str:
        """Return the name of the part that a project's or key's usage belongs to."""
        return self.names.get(owner, self.rest) if owner else self.rest

    def shares(self, used: Mapping[Owner, Any]) -> Shares:
        """Return what was used by the names of the parts; one may have several owners."""
        found: Counter[str] = Counter()
        for owner, tokens in used.items():
            found[self.name(owner)] += tokens
        return tuple((name, Decimal(tokens)) for name, tokens in sorted(found.items()))


def of(organization: Organization) -> Division | None:
    """Return how the organization's invoices are divided; None where they are not."""
    profile = BillingProfile.objects.filter(organization=organization).first()
    return by(organization, profile.split_by if profile else Split.NONE)


def by(organization: Organization, split: str) -> Division | None:
    """Return how a choice of the billing details divides its invoices."""
    if split == Split.PROJECT:
        return Division(PROJECT, _projects(organization), _("Other projects"))
    if split == Split.CENTRE:
        charged = CostCentreProject.objects.filter(organization=organization)
        names = {
            it.project_id: groups.cut(str(it.cost_centre))
            for it in charged.select_related("cost_centre")
        }
        return Division(PROJECT, names, _("No cost centre"))
    if split == Split.KEY:
        keys = ApiKey.objects.filter(organization=organization)
        return Division(KEY, {key.pk: groups.cut(str(key)) for key in keys}, _("Without a key"))
    return None


def _projects(organization: Organization) -> dict[UUID, str]:
    """Return the projects' names; two of one name are told apart by their addresses."""
    projects = list(Project.objects.filter(organization=organization))
    often = Counter(project.name for project in projects)
    return {
        it.pk: it.name if often[it.name] == 1 else f"{it.name[:60]} ({it.slug})" for it in projects
    }


def so_far(
    organization: Organization, period: periods.Period, division: Division
) -> dict[Key, dict[Owner, Decimal]]:
    """Return who used what of a period, from the sums of its quarter-hours.

    The same as from each request, but where two prices of a part applied within a quarter-hour:
    there each is shared like both together. The invoice itself asks every request.
    """
    found: dict[Key, dict[Owner, Decimal]] = {}
    for row in rows(_shares(division.by), _facts(organization, period)):
        key = row["offer_name"], row["token_part"], str(row["price_id"]), row["multiplier"]
        found.setdefault(key, {})[row["owner"]] = row["tokens"]
    return found


def _facts(organization: Organization, period: periods.Period) -> dict[str, Any]:
    return {"organization": organization.pk, "start": period.start, "end": period.end}


def cost_centres(organization: Organization) -> QuerySet[CostCentre]:
    """Return the organization's cost centres, each with its projects."""
    found = CostCentre.objects.filter(organization=organization)
    return found.prefetch_related("projects__project")


def days(
    organization: Organization, period: periods.Period, line: InvoiceLine
) -> Sequence[tuple[date, Decimal]]:
    """Return what the section of a line used of its price, by day of the billing time zone.

    Sections are known by name: of one that was renamed since, nothing is found.
    """
    for split in (Split.PROJECT, Split.CENTRE, Split.KEY):
        division = by(organization, split)
        if division and line.section in {*division.names.values(), division.rest}:
            return _days(organization, period, line, division)
    return ()


def _days(
    organization: Organization, period: periods.Period, line: InvoiceLine, division: Division
) -> Sequence[tuple[date, Decimal]]:
    facts = _facts(organization, period) | {"zone": organization.time_zone}
    found: Counter[date] = Counter()
    wanted = line.offer_name, line.part, line.price_id, line.section
    for row in rows(_shares(division.by, by_day=True), facts):
        place = row["offer_name"], row["token_part"], row["price_id"]
        if (*place, division.name(row["owner"])) == wanted:
            found[row["day"]] += row["tokens"]
    return sorted((day, Decimal(tokens)) for day, tokens in found.items())
