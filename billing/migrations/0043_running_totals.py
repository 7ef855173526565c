"""Running totals over all customers, and days that tell when they change."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids

#: Over all customers at once: nothing for the app role.
OF_THE_DESK = """
REVOKE ALL ON billing_totalledday, billing_lateday, billing_runningtotal, billing_quartertotal
    FROM tessera_app;
"""
# The lock comes before the question whether the day is totalled, and each asks anew: whoever totals
# holds it alone, so a change that is not in the totals sees that there are some.
CHANGED = """
CREATE FUNCTION billing_day_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved date;
BEGIN
    FOR moved IN SELECT DISTINCT day FROM changed LOOP
        PERFORM pg_advisory_xact_lock_shared(8205, moved - DATE '2000-01-01');
        INSERT INTO billing_lateday (id, day)
        SELECT gen_random_uuid(), day FROM billing_totalledday WHERE day = moved;
    END LOOP;
    RETURN NULL;
END $$;
"""
TABLES = ("metering_usageday", "billing_spendday")
EVENTS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}
TRIGGERS = "".join(
    f"CREATE TRIGGER {table}_{event.lower()}_is_told AFTER {event} ON {table}"
    f" REFERENCING {rows} TABLE AS changed"
    f" FOR EACH STATEMENT EXECUTE FUNCTION billing_day_changed();"
    for table in TABLES
    for event, rows in EVENTS.items()
)
WITHOUT = "".join(
    f"DROP TRIGGER {table}_{event.lower()}_is_told ON {table};"
    for table in TABLES
    for event in EVENTS
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0042_when_spend_is_worth_a_look"),
        ("metering", "0011_how_calls_were_answered"),
    ]

    operations = [
        migrations.CreateModel(
            name="LateDay",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField(db_index=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TotalledDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("is_current", models.BooleanField(default=False)),
            ],
            options={
                "ordering": ("day",),
            },
        ),
        migrations.CreateModel(
            name="QuarterTotal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("requests", models.BigIntegerField()),
                ("tokens", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("starts_at", "currency"), name="quarter_total_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RunningTotal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("customer", models.UUIDField(null=True)),
                ("offer_name", models.CharField(max_length=100, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("requests", models.BigIntegerField()),
                ("tokens", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=12, max_digits=30)),
                (
                    "day",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="totals",
                        to="billing.totalledday",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("customer", None), ("offer_name", None)),
                        fields=["currency", "day"],
                        name="running_totals_of_all",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "customer", "offer_name", "currency"),
                        name="running_total_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("customer", None), ("offer_name", None), _connector="OR"
                        ),
                        name="running_total_of_one",
                    ),
                ],
            },
        ),
        migrations.RunSQL(OF_THE_DESK, migrations.RunSQL.noop),
        migrations.RunSQL(CHANGED + TRIGGERS, WITHOUT + "DROP FUNCTION billing_day_changed();"),
    ]
