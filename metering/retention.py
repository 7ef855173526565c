"""The migration operation that lets the service role drop months of facts, and writes that down."""

from django.db.migrations.operations import RunSQL

from tenants.rls import SERVICE_ROLE

#: Whatever is asked for: a year's comparison and its corrections need so many months.
LEAST_MONTHS = 13

# The months' own table says afterwards what is gone. Waiting requests are not held up for long: a
# table that is busy is tried again tomorrow.
DROP_MONTHS = f"""
CREATE FUNCTION metering_drop_months(parent text, before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '2s' AS $$
DECLARE
    part record;
    counted bigint;
    dropped integer := 0;
BEGIN
    IF before > date_trunc('month', now()) - interval '{LEAST_MONTHS} months' THEN
        RAISE EXCEPTION 'usage of the last {LEAST_MONTHS} months stays'
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF parent NOT IN ('metering_usageevent', 'billing_ratedusage') THEN
        RAISE EXCEPTION '% is not kept by months', parent USING ERRCODE = 'restrict_violation';
    END IF;
    FOR part IN
        SELECT relname AS name, to_date(right(relname, 7), 'YYYY_MM') AS month
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = parent::regclass AND relname ~ '_[0-9]{{4}}_[0-9]{{2}}$' ORDER BY relname
    LOOP
        CONTINUE WHEN part.month + interval '1 month' > before;
        EXECUTE format('SELECT count(*) FROM %I', part.name) INTO counted;
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, part.name);
        EXECUTE format('DROP TABLE %I', part.name);
        INSERT INTO metering_droppedmonth (id, table_name, month, rows, dropped_at)
        VALUES (gen_random_uuid(), parent, part.month, counted, now());
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION metering_drop_months FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering_drop_months TO {SERVICE_ROLE};
"""  # noqa: S608 - the names are this module's own


class DropMonths(RunSQL):
    """Make ``metering_drop_months``."""

    def __init__(self) -> None:
        super().__init__(DROP_MONTHS, "DROP FUNCTION metering_drop_months;")
