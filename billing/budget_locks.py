"""Which budgets an organization has stays as it is while a recorder counts in them.

A budget's first window is opened with what its time has already seen. A recorder that read the
budgets before this one was there, and commits after that, would be counted nowhere: so whoever
makes a budget waits for the recorders at work, and the next ones wait for the budget.
"""

from uuid import UUID

from common.database import current_connection

#: The advisory locks of organizations, apart from all others of the house.
_CLASS = 8201
# One after the other and in one order, so that nobody waits in a circle.
_ORGANIZATIONS = """
FROM (SELECT DISTINCT hashtext(id::text) AS number FROM unnest(%s::uuid[]) AS id
    ORDER BY number) AS organization
"""
#: For recorders; until their transaction ends.
KEEP = f"SELECT pg_advisory_xact_lock_shared({_CLASS}, number) {_ORGANIZATIONS}"
CHANGE = f"SELECT pg_advisory_xact_lock({_CLASS}, number) {_ORGANIZATIONS}"


def change(organization_id: UUID) -> None:
    """Wait for the recorders at work; new ones wait until this transaction ends."""
    with current_connection().cursor() as cursor:
        cursor.execute(CHANGE, [[organization_id]])
