"""Migration operations that put PostgreSQL's own wall around tenant tables.

Traps this is written against: a table's owner passes row-level security unless it is forced; a
foreign key does not look at policies, so references between tenant tables carry the organization
too; and a setting that was never made must raise, not match nothing.
"""

from collections.abc import Mapping

from django.db.migrations.operations import RunSQL

APP_ROLE = "tessera_app"
SERVICE_ROLE = "tessera_service"

CURRENT_ORGANIZATION = """
CREATE FUNCTION tenants_current_organization() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE organization text := current_setting('tessera.organization', true);
BEGIN
    IF organization IS NULL OR organization = '' THEN
        RAISE EXCEPTION 'a tenant table was queried outside any organization''s scope'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN organization::uuid;
END $$;
CREATE FUNCTION tenants_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: history is appended, never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""

DROP_CURRENT_ORGANIZATION = """
DROP FUNCTION tenants_refuse_change();
DROP FUNCTION tenants_current_organization();
"""


def _policies(table: str, column: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY {table}_of_the_organization ON {table} TO {APP_ROLE}
    USING ({column} = (SELECT tenants_current_organization()))
    WITH CHECK ({column} = (SELECT tenants_current_organization()));
CREATE POLICY {table}_for_the_service ON {table} TO {SERVICE_ROLE}
    USING (true) WITH CHECK (true);
"""


def _append_only(table: str) -> str:
    return f"""
CREATE TRIGGER {table}_is_appended BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}, {SERVICE_ROLE};
"""


class TenantTable(RunSQL):
    """Force row-level security on a table, and tie its references to the same organization.

    ``references`` maps a column to the tenant table it points at; that table must have been given
    this operation before (it makes the ``(organization_id, id)`` key that the reference needs).
    """

    def __init__(
        self,
        table: str,
        references: Mapping[str, str] | None = None,
        *,
        append_only: bool = False,
        organization_column: str = "organization_id",
        has_id: bool = True,
    ) -> None:
        statements = [_policies(table, organization_column)]
        if has_id and organization_column != "id":
            statements.append(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_within_organization"
                f" UNIQUE ({organization_column}, id);"
            )
        statements.extend(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_same_organization"
            f" FOREIGN KEY ({organization_column}, {column})"
            f" REFERENCES {target} (organization_id, id) DEFERRABLE INITIALLY DEFERRED;"
            for column, target in (references or {}).items()
        )
        if append_only:
            statements.append(_append_only(table))
        super().__init__("".join(statements), RunSQL.noop)


class ReadOnlyForApp(RunSQL):
    """Let the app role read a shared table and not write it."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}", RunSQL.noop
        )


class AppendOnlyTable(RunSQL):
    """Refuse every change to the rows of a table that has no organization."""

    def __init__(self, table: str) -> None:
        super().__init__(_append_only(table), RunSQL.noop)
