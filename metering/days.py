"""Migration operations that let the database keep the sums of days from those of quarter-hours."""

from collections.abc import Mapping, Sequence

from django.db.migrations.operations import RunSQL

# A statement that writes buckets adds to their days once, in the order of their keys; an updated
# bucket counts by what it gained.
KEEP = """
CREATE OR REPLACE FUNCTION {days}_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO {days} AS sums (id, {key}, {counts})
        SELECT gen_random_uuid(), {key_of_bucket}, {sums} FROM written
        GROUP BY {key_of_bucket} ORDER BY {key_of_bucket}
        ON CONFLICT ({key}) DO UPDATE SET {added};
    ELSE
        INSERT INTO {days} AS sums (id, {key}, {counts})
        SELECT gen_random_uuid(), {key_of_bucket}, {gains} FROM (
            SELECT 1 AS sign, * FROM written UNION ALL SELECT -1, * FROM replaced
        ) AS changed
        GROUP BY {key_of_bucket} ORDER BY {key_of_bucket}
        ON CONFLICT ({key}) DO UPDATE SET {added};
    END IF;
    RETURN NULL;
END $$;
"""
TRIGGERS = """
CREATE TRIGGER {buckets}_new_days AFTER INSERT ON {buckets}
    REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION {days}_keep();
CREATE TRIGGER {buckets}_days AFTER UPDATE ON {buckets}
    REFERENCING OLD TABLE AS replaced NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION {days}_keep();
"""
# What stands in the buckets already; the tables' owner sees their rows only while it is not forced
# to keep to policies.
FILL = """
ALTER TABLE {buckets} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {days} NO FORCE ROW LEVEL SECURITY;
INSERT INTO {days} (id, {key}, {counts})
SELECT gen_random_uuid(), {key_of_bucket}, {sums} FROM {buckets} GROUP BY {key_of_bucket};
ALTER TABLE {buckets} FORCE ROW LEVEL SECURITY;
ALTER TABLE {days} FORCE ROW LEVEL SECURITY;
"""
# The same for columns that days are to have as well.
FILL_MORE = """
ALTER TABLE {buckets} NO FORCE ROW LEVEL SECURITY;
ALTER TABLE {days} NO FORCE ROW LEVEL SECURITY;
UPDATE {days} AS sums SET {copied} FROM (
    SELECT {key_as_named}, {sums_as_named} FROM {buckets} GROUP BY {key_of_bucket}
) AS found WHERE ({key_of_sums}) = ({key_of_found});
ALTER TABLE {buckets} FORCE ROW LEVEL SECURITY;
ALTER TABLE {days} FORCE ROW LEVEL SECURITY;
"""
DROP = """
DROP TRIGGER {buckets}_new_days ON {buckets};
DROP TRIGGER {buckets}_days ON {buckets};
DROP FUNCTION {days}_keep();
"""
DAY = "(starts_at AT TIME ZONE 'UTC')::date"


class KeepDays(RunSQL):
    """Keep a table of days, by ``key``, from a table of buckets: everything counted is added up."""

    def __init__(
        self, days: str, buckets: str, *, key: Sequence[str], counts: Sequence[str]
    ) -> None:
        facts = _facts(days, buckets, key, counts)
        super().__init__((FILL + KEEP + TRIGGERS).format(**facts), DROP.format(**facts))


class FillMoreDays(RunSQL):
    """Fill new columns, ``more``, of such a table from the buckets that are there."""

    def __init__(self, days: str, buckets: str, *, key: Sequence[str], more: Sequence[str]) -> None:
        super().__init__(FILL_MORE.format(**_facts(days, buckets, key, more)), RunSQL.noop)


class KeepMoreDays(RunSQL):
    """Keep the same table with new columns, ``more``, which are nought or were filled."""

    def __init__(
        self,
        days: str,
        buckets: str,
        *,
        key: Sequence[str],
        counts: Sequence[str],
        more: Sequence[str],
    ) -> None:
        before, after = (
            KEEP.format(**_facts(days, buckets, key, names)) for names in (counts, [*counts, *more])
        )
        super().__init__(after, before)


def _facts(days: str, buckets: str, key: Sequence[str], counts: Sequence[str]) -> Mapping[str, str]:
    return {
        "days": days,
        "buckets": buckets,
        "key": ", ".join(key),
        "key_of_bucket": ", ".join(DAY if name == "day" else name for name in key),
        "key_as_named": ", ".join(f"{DAY} AS day" if name == "day" else name for name in key),
        "key_of_sums": ", ".join(f"sums.{name}" for name in key),
        "key_of_found": ", ".join(f"found.{name}" for name in key),
        "counts": ", ".join(counts),
        "sums": ", ".join(f"sum({name})" for name in counts),
        "sums_as_named": ", ".join(f"sum({name}) AS {name}" for name in counts),
        "copied": ", ".join(f"{name} = found.{name}" for name in counts),
        "gains": ", ".join(f"sum(sign * {name})" for name in counts),
        "added": ", ".join(f"{name} = sums.{name} + excluded.{name}" for name in counts),
    }
