"""Connections to the database end with the request that opened them."""

from tests.support.clusters import wait_until
from tests.support.portal_server import portal, shared_portal

__all__ = ["portal", "shared_portal"]

OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def test_one_reader_after_another_leaves_no_connection_open(portal, owner_connection):
    [before] = owner_connection.execute(OPEN).fetchone()

    statuses = {portal.request("GET", "/models/").status_code for _ in range(10)}

    assert statuses == {200}
    wait_until(lambda: owner_connection.execute(OPEN).fetchone()[0] <= before)
