"""For how long GPUs were held is counted beside tokens.

A column with a constant default is a line in PostgreSQL's catalogue: no row is read or written, and
each table is locked (ACCESS EXCLUSIVE) for that moment alone, whatever stands in it. The check is not
asked of rows that are there, which are all nought; it holds for those that come.
"""

from django.db import migrations, models

from metering import days

BEFORE = (
    "requests",
    "failures",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_write_tokens",
    "image_input_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "trained_tokens",
)
MORE = ("gpu_seconds",)
ADD = """
ALTER TABLE metering_usageevent ADD CONSTRAINT gpu_seconds_never_below_zero
    CHECK (gpu_seconds >= 0) NOT VALID;
"""
DROP = "ALTER TABLE metering_usageevent DROP CONSTRAINT gpu_seconds_never_below_zero;"


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_prices_are_told_apart_by_a_number")]

    operations = [
        *(
            migrations.AddField(table, name, models.BigIntegerField(default=0, db_default=0))
            for table in ("usageevent", "usagebucket", "usageday")
            for name in MORE
        ),
        migrations.RunSQL(ADD, DROP),
        days.KeepMoreDays(
            "metering_usageday",
            "metering_usagebucket",
            key=("organization_id", "day", "offer_name"),
            counts=BEFORE,
            more=MORE,
        ),
    ]
