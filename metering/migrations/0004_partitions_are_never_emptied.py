"""A partition is guarded like its table: emptied by its own name, history would be gone."""

from django.db import migrations

from metering import partitions

PARTITIONS = """
DO $$
DECLARE partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid AND relkind = 'r'
        WHERE inhparent IN (
            'metering_usageevent'::regclass, 'metering_usageeventkey'::regclass,
            to_regclass('billing_ratedusage'))
    LOOP
        PERFORM metering_close_partition(partition::text);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_usage_is_written_by_the_service")]

    operations = [
        migrations.RunSQL(partitions.CLOSE_PARTITION, migrations.RunSQL.noop),
        migrations.RunSQL(PARTITIONS, migrations.RunSQL.noop),
    ]
