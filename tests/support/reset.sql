-- Bring a test's database back to what it was right after the migrations.
--
-- Tests commit for real, over three connections, so there is no transaction to roll back. Rows are
-- deleted only where there are some; triggers and foreign keys are off meanwhile. What a migration
-- itself wrote is kept in a second schema and put back.

CREATE SCHEMA seeded;

CREATE FUNCTION seeded.tables(schema_name text) RETURNS SETOF name LANGUAGE sql STABLE AS $$
    SELECT relname FROM pg_class
    WHERE relnamespace = schema_name::regnamespace
        AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission');
$$;

CREATE FUNCTION seeded.columns(table_name name) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
    WHERE attrelid = ('seeded.' || quote_ident(table_name))::regclass
        AND attnum > 0 AND NOT attisdropped AND EXISTS (
            SELECT FROM pg_attribute AS original
            WHERE original.attrelid = ('public.' || quote_ident(table_name))::regclass
                AND original.attname = pg_attribute.attname AND original.attgenerated = '');
$$;

CREATE FUNCTION seeded.unfinished() RETURNS SETOF integer LANGUAGE sql VOLATILE AS $$
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND state LIKE 'idle in transaction%';
$$;

CREATE FUNCTION seeded.reset() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica
AS $$
DECLARE
    table_name name;
    has_rows boolean;
    patience timestamptz := clock_timestamp() + interval '2 seconds';
BEGIN
    -- A server may be done with its answer and not yet with its transaction: that one ends by
    -- itself. A test that failed half-way may have left one open, with locks: that one is ended.
    WHILE clock_timestamp() < patience AND EXISTS (SELECT FROM seeded.unfinished()) LOOP
        PERFORM pg_sleep(0.01);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
    PERFORM pg_terminate_backend(pid) FROM seeded.unfinished() AS pid;
    FOR table_name IN SELECT seeded.tables('public') LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', table_name) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('DELETE FROM public.%I', table_name);
        END IF;
    END LOOP;
    FOR table_name IN SELECT seeded.tables('seeded') LOOP
        EXECUTE format(
            'INSERT INTO public.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM seeded.%1$I',
            table_name, seeded.columns(table_name));
    END LOOP;
END $$;

DO $$
DECLARE
    table_name name;
    has_rows boolean;
BEGIN
    FOR table_name IN SELECT seeded.tables('public') LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', table_name) INTO has_rows;
        IF has_rows THEN
            EXECUTE format('CREATE TABLE seeded.%1$I AS TABLE public.%1$I', table_name);
        END IF;
    END LOOP;
END $$;
