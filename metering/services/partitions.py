"""Keeps a partition ready for every month to come."""

from common.database import current_connection, service

TABLES = ("metering_usageevent", "billing_ratedusage")
MONTHS_AHEAD = 3


def make() -> int:
    """Make the missing partitions of the coming months; answers how many were made."""
    with service(), current_connection().cursor() as cursor:
        made = 0
        for table in TABLES:
            cursor.execute("SELECT metering_make_partitions(%s, %s)", [table, MONTHS_AHEAD])
            made += cursor.fetchone()[0]
        return made
