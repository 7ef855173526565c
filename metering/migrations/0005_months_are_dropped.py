"""Old months of facts go, and what went is written down."""

import django.utils.timezone
from django.db import migrations, models

import common.ids
from metering import retention
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_partitions_are_never_emptied")]

    operations = [
        migrations.CreateModel(
            name="DroppedMonth",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("table_name", models.CharField(max_length=63)),
                ("month", models.DateField()),
                ("rows", models.BigIntegerField()),
                ("dropped_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-month", "table_name"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table_name", "month"), name="month_dropped_once"
                    )
                ],
            },
        ),
        rls.ReadOnlyForApp("metering_droppedmonth"),
        rls.AppendOnlyTable("metering_droppedmonth"),
        retention.DropMonths(),
    ]
