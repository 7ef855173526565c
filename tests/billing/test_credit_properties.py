"""Whatever is done with credit in whatever order, each grant's books come out even.

granted = used + left + expired + voided, read from four places that are written apart: the grant, the
split of every request, and the ledger's expiries and voids.
"""

import asyncio
from decimal import Decimal

import psycopg
import pytest
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing import funds, holds
from billing.burning import split
from billing.funds import Settled
from billing.holds import Asked
from billing.models import CreditGrant, LedgerEntry, RatedUsage
from billing.services import credits
from common.database import service, service_parameters
from common.ids import uuid7
from tenants.models import Project
from tenants.services import organizations
from tests.billing.conftest import NOON

ZERO = Decimal(0)
amounts = st.decimals("0.000000000001", 20, places=12)
which = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("give"), amounts, st.booleans()),
    st.tuples(st.just("use"), amounts, amounts),
    st.tuples(st.just("hold"), amounts, which),
    st.tuples(st.just("settle"), amounts, which),
    st.tuples(st.just("release"), amounts, which),
    st.tuples(st.sampled_from(["void", "expire", "trim"]), amounts, which),
)


class Wallet:
    """A customer, and what is done with its credit."""

    def __init__(self, organization, project):
        self.organization, self.project = organization, project

    def do(self, step, amount, other):
        """Take the step; what it names that is not there, it leaves alone."""
        getattr(self, step)(amount, other)

    def give(self, amount, is_gift):
        """Give so much money, paid for or not."""
        with service():
            credits.grant(
                self.organization, unit="money", quantity=amount, source_key=uuid7().hex,
                cost_basis=ZERO if is_gift else amount,
            )  # fmt: skip

    def use(self, amount, wanted):
        """Lease so much, use as much as was to be had of the amount, and keep the rest."""
        asyncio.run(self._use(amount, wanted))

    async def _use(self, amount, wanted):
        parameters = service_parameters()
        async with await psycopg.AsyncConnection.connect(**parameters, autocommit=True) as conn:
            leases = await funds.take(
                conn, process_id="p1", organization_id=self.organization.pk, token_class_id=None,
                currency="EUR", money_needed=wanted, tokens_needed=ZERO,
            )  # fmt: skip
            paid = split(leases, money=amount, tokens=ZERO)
            request = self.request(uuid7().hex, amount, allocations=list(paid.allocations))
            await funds.record(conn, process_id="p1", batch=[request])

    def request(self, event_id, amount, **facts):
        """Return a finished request of this worth."""
        return Settled(
            organization_id=self.organization.pk, project_id=self.project.pk, api_key_id=None,
            event_id=event_id, occurred_at=NOON, offer_id=uuid7(), offer_name="base",
            region="eu-fr", parts={"input": 1}, price_ids={"input": uuid7()},
            amounts={"input": amount}, **facts,
        )  # fmt: skip

    def key(self, number):
        """Return the name of a piece of long work."""
        return f"{self.organization.pk}-{number}"

    def hold(self, amount, number):
        """Set so much aside, if it is there."""
        holder = self.organization.pk, self.project.pk
        holds.place(Asked(self.key(number), *holder, None, "EUR", amount))

    def settle(self, amount, number):
        """Settle the work, held for or not; what was settled stays as it is."""
        request = self.request(self.key(number), amount, source="studio")
        with service():
            same = RatedUsage.objects.filter(source="studio", event_id=request.event_id).first()
        if same is None:
            holds.settle(self.key(number), request)

    def release(self, _amount, number):
        """Return what is held for the work."""
        holds.release(self.key(number))

    def _grant(self, number):
        with service():
            grants = self.grants()
        return [grants[number % len(grants)]]

    def void(self, _amount, number):
        """Void a grant."""
        for one in self._grant(number):
            with service():
                credits.void(one, by=None)

    def expire(self, _amount, number):
        """Let a grant be over."""
        for one in self._grant(number):
            with service():
                CreditGrant.objects.filter(pk=one.pk).update(expires_at=timezone.now())
                one.refresh_from_db()
                credits.expire(one)

    def trim(self, amount, number):
        """Let a grant expire but for an amount."""
        for one in self._grant(number):
            with service():
                credits.trim(one, keep=amount)

    def grants(self):
        """Return all grants, oldest first."""
        return list(CreditGrant.objects.filter(organization=self.organization).order_by("id"))


@pytest.fixture
def play(alice):
    """Take steps with the credit of a new customer."""

    def play(taken):
        organization = organizations.found(name=uuid7().hex, owner=alice, country="FR")
        with service():
            project = Project.objects.get(organization=organization)
        wallet = Wallet(organization, project)
        for step in taken:
            wallet.do(*step)
        return wallet

    return play


def taken_off(grant, kind):
    """Return how much money the ledger has taken off a grant for this reason."""
    entries = LedgerEntry.objects.filter(
        grant=grant, transaction__kind=kind, account__kind="customer_prepaid"
    )
    return entries.aggregate(sum=Sum("amount"))["sum"] or ZERO


def used(grant):
    """Return how much of a grant the requests say that it paid."""
    rated = RatedUsage.objects.filter(organization=grant.organization)
    return sum(
        Decimal(share["quantity"])
        for shares in rated.values_list("split", flat=True)
        for share in shares
        if share["grant"] == str(grant.pk)
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(st.lists(steps, min_size=5, max_size=14))
def test_granted_is_used_left_expired_and_voided(play, taken):
    wallet = play([("give", Decimal(10), False), *taken])

    with service():
        for grant in wallet.grants():
            gone = used(grant) + taken_off(grant, "expiry") + taken_off(grant, "void")
            assert grant.granted == grant.remaining + gone
            assert 0 <= grant.leased <= grant.remaining
        entries = LedgerEntry.objects.filter(organization=wallet.organization)
        prepaid = entries.filter(account__kind="customer_prepaid").aggregate(sum=Sum("amount"))
        assert entries.aggregate(sum=Sum("amount"))["sum"] == 0
        assert -prepaid["sum"] == sum(grant.remaining for grant in wallet.grants())
