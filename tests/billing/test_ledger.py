"""The journal: balanced, appended, behind the wall, each operation once."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connections
from psycopg import errors

from billing.models import CreditGrant, LedgerAccount, LedgerEntry, LedgerTransaction, RatedUsage
from billing.services import ledger
from billing.services.ledger import AccountKind, Posting
from common.database import service
from tenants.scope import scope
from tenants.services import organizations

ONE = Decimal(1)


def sale(amount=ONE, against=-ONE):
    return [
        Posting(AccountKind.RECEIVABLE, "EUR", amount),
        Posting(AccountKind.REVENUE, "EUR", against),
    ]


def book(organization, key="sale:1", postings=None):
    return ledger.book(organization, key=key, kind="sale", postings=postings or sale())


def test_an_operation_is_booked_once(acme, books):
    with service():
        assert book(acme) == book(acme)

    assert books() == {"receivable": ONE, "revenue": -ONE}


def test_the_database_refuses_a_transaction_that_does_not_sum_to_zero(acme, books):
    with pytest.raises(IntegrityError, match="does not sum to zero"), service():
        book(acme, postings=sale(against=Decimal("-0.999999999999")))

    assert books() == {}


def test_one_currency_does_not_balance_another(acme):
    postings = [
        Posting(AccountKind.RECEIVABLE, "EUR", ONE),
        Posting(AccountKind.REVENUE, "USD", -ONE),
    ]

    with pytest.raises(IntegrityError, match="does not sum to zero"), service():
        book(acme, postings=postings)


@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize(
    "table", ["billing_ledgerentry", "billing_ledgertransaction", "billing_ratedusage"]
)
def test_not_even_the_service_can_change_the_past(acme, statement, table):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        service(),
        connections["service"].cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_not_even_the_owner_can_change_the_past(acme):
    with service():
        book(acme)

    for statement in ("UPDATE billing_ledgerentry SET amount = 2", "TRUNCATE billing_ledgerentry"):
        with (
            pytest.raises(IntegrityError, match="history is appended"),
            connections["owner"].cursor() as cursor,
        ):
            cursor.execute(statement)


@pytest.mark.parametrize("table", ["billing_ratedusage", "metering_usageevent"])
def test_not_even_the_owner_empties_a_partition(db, table):
    for statement in (f"TRUNCATE {table}_default", f"TRUNCATE {table}"):
        with (
            pytest.raises(IntegrityError, match="history is appended"),
            connections["owner"].cursor() as cursor,
        ):
            cursor.execute(statement)


def test_partitions_of_months_to_come_are_never_emptied_either(db, owner_connection):
    owner_connection.execute("SELECT metering_make_partitions('billing_ratedusage', 9)")

    with pytest.raises(errors.RestrictViolation):
        owner_connection.execute(
            "DO $$ BEGIN EXECUTE 'TRUNCATE ' || (SELECT max(inhrelid::regclass::text)"
            " FROM pg_inherits WHERE inhparent = 'billing_ratedusage'::regclass"
            " AND inhrelid::regclass::text ~ '\\d$'); END $$"
        )


def test_what_does_not_sum_to_zero_cannot_be_added_later(acme, books):
    with service():
        booked = book(acme)
        account = LedgerAccount.objects.first()

    with pytest.raises(IntegrityError, match="does not sum to zero"), service():
        LedgerEntry.objects.create(
            organization=acme, transaction=booked, account=account, amount=ONE
        )

    assert books() == {"receivable": ONE, "revenue": -ONE}


def test_another_organization_does_not_see_the_books(acme, charlie, give):
    give("5")
    other = organizations.found(name="Other", owner=charlie, country="FR")

    with scope(other):
        seen = [
            model.objects.count()
            for model in (LedgerEntry, LedgerTransaction, LedgerAccount, CreditGrant, RatedUsage)
        ]

    assert seen == [0, 0, 0, 0, 0]


def test_an_entry_cannot_point_at_another_organizations_account(acme, charlie):
    other = organizations.found(name="Other", owner=charlie, country="FR")
    with service():
        theirs = book(other)
        account = LedgerAccount.objects.filter(organization=other).first()

    with pytest.raises(IntegrityError, match="same_organization"), service():
        LedgerEntry.objects.create(
            organization=acme, transaction=theirs, account=account, amount=ONE
        )
