"""Books operations through the ORM, each once."""

from collections.abc import Sequence
from uuid import UUID

from billing.booking import Operation, Posting
from billing.models import AccountKind, LedgerAccount, LedgerEntry, LedgerTransaction
from common.database import atomic
from tenants.models import Organization

__all__ = ["AccountKind", "Operation", "Posting", "book", "book_all"]

#: An account: whose, of which kind, in which currency.
Place = tuple[UUID, str, str]


@atomic()
def book(
    organization: Organization, *, key: str, kind: str, postings: list[Posting], memo: str = ""
) -> LedgerTransaction:
    """Append one transaction; the same ``key`` returns the first booking and books nothing.

    That the postings sum to zero, the database checks when the outermost transaction commits.
    """
    booked, is_new = LedgerTransaction.objects.get_or_create(
        organization=organization, operation_key=key, defaults={"kind": kind, "memo": memo}
    )
    if is_new:
        _post([(booked, Operation(organization.pk, key, kind, tuple(postings)))])
    return booked


@atomic()
def book_all(operations: Sequence[Operation]) -> None:
    """Append one transaction for each; what was booked before under its key is left as it is.

    Called under the locks of the organizations: nobody else books the same meanwhile.
    """
    places = {(it.organization_id, it.key) for it in operations}
    known = LedgerTransaction.objects.filter(
        organization__in={owner for owner, _key in places},
        operation_key__in={key for _owner, key in places},
    )
    present = set(known.order_by().values_list("organization_id", "operation_key"))
    new = [
        (_transaction(it), it) for it in operations if (it.organization_id, it.key) not in present
    ]
    LedgerTransaction.objects.bulk_create(booked for booked, _operation in new)
    _post(new)


def _transaction(operation: Operation) -> LedgerTransaction:
    return LedgerTransaction(
        organization_id=operation.organization_id,
        operation_key=operation.key,
        kind=operation.kind,
        memo=operation.memo,
    )


def _post(booked: Sequence[tuple[LedgerTransaction, Operation]]) -> None:
    merged = [(number, posting) for number, it in booked for posting in it.merged()]
    accounts = _accounts({_place(number, posting) for number, posting in merged})
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            organization_id=number.organization_id,
            transaction=number,
            account=accounts[_place(number, posting)],
            grant_id=posting.grant_id,
            amount=posting.amount,
        )
        for number, posting in merged
    )


def _place(number: LedgerTransaction, posting: Posting) -> Place:
    return number.organization_id, posting.account.value, posting.currency


def _accounts(places: set[Place]) -> dict[Place, LedgerAccount]:
    """Return the accounts; opens those that are missing, in the order in which recorders do."""
    known = _known(places)
    if missing := sorted(places - known.keys()):
        opened = [LedgerAccount(organization_id=o, kind=k, currency=c) for o, k, c in missing]
        LedgerAccount.objects.bulk_create(opened, ignore_conflicts=True)
        known = _known(places)
    return known


def _known(places: set[Place]) -> dict[Place, LedgerAccount]:
    found = LedgerAccount.objects.filter(organization__in={owner for owner, _kind, _cur in places})
    return {(it.organization_id, it.kind, it.currency): it for it in found}
