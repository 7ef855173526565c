"""What models are trained with is a part of its own."""

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
)
MORE = ("trained_tokens",)


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_more_parts_of_tokens")]

    operations = [
        *(
            migrations.AddField(table, name, models.BigIntegerField(default=0, db_default=0))
            for table in ("usageevent", "usagebucket", "usageday")
            for name in MORE
        ),
        days.KeepMoreDays(
            "metering_usageday",
            "metering_usagebucket",
            key=("organization_id", "day", "offer_name"),
            counts=BEFORE,
            more=MORE,
        ),
    ]
