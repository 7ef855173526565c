"""The three database roles: who they are, what they are granted, and a check that it is so.

Policies and revokes in the migrations speak of ``tessera_app`` and ``tessera_service``. Where an
operator's logins are called otherwise, they become members of these two.
"""

import psycopg
from psycopg import sql

from portal import environment
from portal.environment import APP_ROLE, SERVICE_ROLE, Environment
from portal.variables import ConfigurationError, Database

# Each table is made with these grants, and a migration may then take some away. Granting after
# the migrations would give back what they took.
DEFAULTS = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tessera_app, tessera_service;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tessera_app, tessera_service;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tessera_app, tessera_service;
"""
PARTITIONS = """
SELECT inhrelid::regclass::text FROM pg_inherits
JOIN pg_class ON pg_class.oid = inhrelid AND relkind IN ('r', 'p')
WHERE has_any_column_privilege('tessera_app', inhrelid, 'SELECT, INSERT, UPDATE')
    OR has_table_privilege('tessera_app', inhrelid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
"""
POWERS = """
SELECT rolsuper OR rolbypassrls,
    EXISTS (SELECT FROM pg_class WHERE pg_has_role(current_user, relowner, 'USAGE'))
FROM pg_roles WHERE rolname = current_user
"""


def create(env: Environment) -> None:
    """Make the roles that are missing, and the grants every later table is born with."""
    assert env.owner is not None  # noqa: S101 - callers have refused a missing owner
    with psycopg.connect(**env.owner.keywords(), autocommit=True) as connection:
        for role, login in ((APP_ROLE, env.app), (SERVICE_ROLE, env.service)):
            create_role(connection, role, env, login)
        connection.execute(DEFAULTS)


def create_role(
    connection: psycopg.Connection, role: str, env: Environment, login: Database
) -> None:
    """Make one role, and the login that acts as it."""
    missing = {name for name in (role, login.user) if not exists(connection, name)}
    for name in missing:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    if login.user in missing or env.embedded_database or is_derived(env, login):
        set_login(connection, login)
    if login.user != role:
        grant = sql.SQL("GRANT {} TO {}")
        connection.execute(grant.format(sql.Identifier(role), sql.Identifier(login.user)))


def exists(connection: psycopg.Connection, role: str) -> bool:
    """Tell whether the cluster has this role."""
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    return found.fetchone() is not None


def set_login(connection: psycopg.Connection, login: Database) -> None:
    """Let the role sign in, with the password of its address where that has one."""
    statement = sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(login.user))
    if login.password:
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(login.password))
    connection.execute(statement)


def is_derived(env: Environment, login: Database) -> bool:
    """Tell whether we chose this login's password ourselves."""
    return login.password == environment.derived(env.secret_key, f"role {login.user}")


def close_partitions(owner: Database) -> None:
    """Take every partition from the app role: queried by name, it would show all rows."""
    with psycopg.connect(**owner.keywords()) as connection:
        for (table,) in connection.execute(PARTITIONS).fetchall():
            connection.execute(f"REVOKE ALL ON {table} FROM tessera_app")


def verify(env: Environment) -> None:
    """Refuse roles that row-level security would not hold back."""
    for name, login in (("DATABASE_URL", env.app), ("DATABASE_SERVICE_URL", env.service)):
        with connect(name, login) as connection:
            row = connection.execute(POWERS).fetchone()
            open_partition = connection.execute(PARTITIONS).fetchone()
        above, owns = row or (True, True)
        if above or owns:
            problem = "is above row-level security" if above else "owns tables"
            raise ConfigurationError(
                f"{name} signs in as {login.user!r}, which {problem}; accepted: a role without "
                "SUPERUSER and BYPASSRLS that owns nothing."
            )
        if open_partition and login is env.app:
            raise ConfigurationError(
                f"{name} signs in as {login.user!r}, which may read the partition "
                f"{open_partition[0]}; accepted: a role without grants on partitions."
            )


def connect(name: str, login: Database) -> psycopg.Connection:
    """Connect, or say in one sentence why that is not possible."""
    try:
        return psycopg.connect(**login.keywords(), connect_timeout=5)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ConfigurationError(
            f"{name} does not let us in ({reason}); accepted: the address of a PostgreSQL 15 or "
            "newer that takes this user."
        ) from None
