"""Migration operations for tables that are partitioned: facts by month, keys by hash.

The app role gets nothing on a partition: a partition queried by its own name knows no policy of
its parent and would show all rows.
"""

from typing import Any

from django.db.migrations.operations import CreateModel, RunSQL

from tenants.rls import APP_ROLE, SERVICE_ROLE

#: A partition's rows are guarded by the triggers of its table; against TRUNCATE it needs its own.
CLOSE_PARTITION = f"""
CREATE OR REPLACE FUNCTION metering_close_partition(partition text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE format('REVOKE ALL ON %I FROM {APP_ROLE}', partition);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM {SERVICE_ROLE}', partition);
    EXECUTE format(
        'CREATE OR REPLACE TRIGGER is_never_emptied BEFORE TRUNCATE ON %I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change()', partition);
END $$;
"""
#: ``metering_make_partitions`` lets the service role add months without owning the tables.
MAKE_PARTITIONS = f"""
{CLOSE_PARTITION}
REVOKE ALL ON FUNCTION metering_close_partition FROM PUBLIC;

CREATE FUNCTION metering_make_partitions(parent text, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := date_trunc('month', now()) - interval '1 month';
    partition text;
    made integer := 0;
BEGIN
    FOR counter IN 0..months LOOP
        partition := parent || to_char(month, '_YYYY_MM');
        IF to_regclass(partition) IS NULL THEN
            BEGIN
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                    partition, parent, month, month + interval '1 month');
                PERFORM metering_close_partition(partition);
                made := made + 1;
            EXCEPTION WHEN check_violation THEN
                -- Rows of that month already lie in the default partition and stay there.
                RAISE WARNING '% stays in the default partition', partition;
            END;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION metering_make_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering_make_partitions TO {SERVICE_ROLE};
"""
DROP_MAKE_PARTITIONS = """
DROP FUNCTION metering_make_partitions;
DROP FUNCTION metering_close_partition;
"""


class CreateModelWithoutTable(CreateModel):
    """Make the model known; its table is made by the SQL beside it."""

    def database_forwards(self, *args: Any) -> None:
        """Leave the table to SQL."""

    def database_backwards(self, *args: Any) -> None:
        """Leave the table to SQL."""


class MonthlyTable(RunSQL):
    """Create a table of facts, partitioned by month of ``recorded_at``."""

    def __init__(self, table: str, columns: str) -> None:
        super().__init__(
            f"CREATE TABLE {table} ({columns},"
            " PRIMARY KEY (organization_id, recorded_at, id)) PARTITION BY RANGE (recorded_at);"
            f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;"
            f"SELECT metering_close_partition('{table}_default');"
            f"SELECT metering_make_partitions('{table}', 3);",
            f"DROP TABLE {table};",
        )


class HashedTable(RunSQL):
    """Create a table of keys, spread over partitions by organization."""

    def __init__(self, table: str, columns: str, *, partitions: int) -> None:
        pieces = [f"CREATE TABLE {table} ({columns}) PARTITION BY HASH (organization_id);"]
        pieces.extend(
            f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            f" FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number});"
            f"SELECT metering_close_partition('{table}_{number}');"
            for number in range(partitions)
        )
        super().__init__("".join(pieces), f"DROP TABLE {table};")
