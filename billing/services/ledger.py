"""Books operations through the ORM, each once."""

from billing.booking import Operation, Posting
from billing.models import AccountKind, LedgerAccount, LedgerEntry, LedgerTransaction
from common.database import atomic
from tenants.models import Organization

__all__ = ["AccountKind", "Operation", "Posting", "book"]


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
    if not is_new:
        return booked
    for posting in Operation(organization.pk, key, kind, tuple(postings)).merged():
        account, _opened = LedgerAccount.objects.get_or_create(
            organization=organization, kind=posting.account, currency=posting.currency
        )
        LedgerEntry.objects.create(
            organization=organization,
            transaction=booked,
            account=account,
            grant_id=posting.grant_id,
            amount=posting.amount,
        )
    return booked
