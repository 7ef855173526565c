"""The roles of an operator's own PostgreSQL: made, granted, and refused when they are too strong."""

import psycopg
import pytest

from portal import environment
from portal.embedded import postgres, roles
from portal.variables import ConfigurationError
from tests.support import servers

LOGIN = "operators_login"


@pytest.fixture
def elsewhere(tmp_path):
    """An empty database of an operator, whose login has a name of its own."""
    name = f"elsewhere_{servers.number()}"
    login = f"{LOGIN}_{servers.number()}"
    variables = servers.environment(name)
    variables.pop("DATABASE_SERVICE_URL")
    variables |= {"DATABASE_URL": servers.database(login, name).url()}
    env = environment.read({**variables, "TESSERA_STATE": str(tmp_path / "state")})
    postgres.create_database(env.owner)
    yield env
    with psycopg.connect(**postgres.maintenance(env.owner), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute(f"DROP ROLE IF EXISTS {login}, {login}_service")


def as_owner(env, statement):
    with psycopg.connect(**env.owner.keywords(), autocommit=True) as connection:
        connection.execute(statement)


def ask(login, statement):
    with psycopg.connect(**login.keywords()) as connection:
        return connection.execute(statement).fetchone()


def test_logins_of_other_names_act_as_the_two_roles(elsewhere):
    roles.create(elsewhere)
    as_owner(elsewhere, "CREATE TABLE notes AS SELECT 1 AS id")

    roles.verify(elsewhere)
    assert elsewhere.service.user == f"{elsewhere.app.user}_service"
    assert ask(elsewhere.app, "SELECT id FROM notes") == (1,)
    assert ask(elsewhere.service, "SELECT id FROM notes") == (1,)
    assert ask(elsewhere.app, "SELECT pg_has_role('tessera_app', 'USAGE')") == (True,)
    assert ask(elsewhere.app, "SELECT pg_has_role('tessera_service', 'USAGE')") == (False,)


def test_preparing_again_gives_back_nothing_that_was_revoked(elsewhere):
    roles.create(elsewhere)
    as_owner(elsewhere, "CREATE TABLE history AS SELECT 1 AS id")
    as_owner(elsewhere, "REVOKE UPDATE, DELETE ON history FROM tessera_app")

    roles.create(elsewhere)

    rights = "SELECT has_table_privilege('history', 'SELECT'), has_table_privilege('history', '{}')"
    assert ask(elsewhere.app, rights.format("UPDATE")) == (True, False)
    assert ask(elsewhere.app, rights.format("DELETE")) == (True, False)


def test_neither_role_may_make_tables(elsewhere):
    roles.create(elsewhere)

    for login in (elsewhere.app, elsewhere.service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(login, "CREATE TABLE mine (id int)")


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
def test_a_role_above_row_level_security_is_refused(elsewhere, power):
    roles.create(elsewhere)
    as_owner(elsewhere, f"ALTER ROLE {elsewhere.app.user} {power}")

    with pytest.raises(ConfigurationError, match=r"DATABASE_URL .* is above row-level security"):
        roles.verify(elsewhere)


def test_a_service_role_above_row_level_security_is_refused(elsewhere):
    roles.create(elsewhere)
    as_owner(elsewhere, f"ALTER ROLE {elsewhere.service.user} BYPASSRLS")

    with pytest.raises(ConfigurationError, match="DATABASE_SERVICE_URL signs in as"):
        roles.verify(elsewhere)


def test_a_role_that_owns_a_table_is_refused(elsewhere):
    roles.create(elsewhere)
    as_owner(elsewhere, "CREATE TABLE mine AS SELECT 1 AS id")
    as_owner(elsewhere, f"ALTER TABLE mine OWNER TO {elsewhere.app.user}")

    with pytest.raises(ConfigurationError, match="owns tables; accepted: a role without"):
        roles.verify(elsewhere)


def test_a_partition_is_closed_to_the_app_role(elsewhere):
    roles.create(elsewhere)
    as_owner(elsewhere, "CREATE TABLE events (day int) PARTITION BY RANGE (day)")
    as_owner(elsewhere, "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (2)")

    with pytest.raises(ConfigurationError, match="may read the partition events_1"):
        roles.verify(elsewhere)
    roles.close_partitions(elsewhere.owner)

    roles.verify(elsewhere)
    assert ask(elsewhere.app, "SELECT count(*) FROM events") == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(elsewhere.app, "SELECT count(*) FROM events_1")


def test_a_wrong_way_in_is_told_in_one_sentence(elsewhere):
    roles.create(elsewhere)

    with pytest.raises(ConfigurationError) as caught:
        roles.connect("DATABASE_URL", servers.database("nobody", elsewhere.app.name))

    assert str(caught.value).startswith("DATABASE_URL does not let us in (")
    assert 'role "nobody" does not exist' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_test_run_itself_is_held_by_the_wall(db):
    roles.verify(environment.load())
