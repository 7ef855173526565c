"""Amounts from which on spend is told stay within what anybody means."""

from decimal import Decimal

from django.db import migrations, models

#: What was set before there were bounds.
WITHIN = """
UPDATE billing_spendalarm SET
    hour = least(hour, 10000000000),
    day = least(greatest(day, hour), 10000000000),
    new_account = least(new_account, 10000000000);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0044_trials"),
    ]

    operations = [
        migrations.RunSQL(WITHIN, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="spendalarm",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("day__lte", Decimal("10000000000")),
                    ("new_account__lte", Decimal("10000000000")),
                ),
                name="spend_alarm_amounts_are_no_slips",
            ),
        ),
        migrations.AddConstraint(
            model_name="spendalarm",
            constraint=models.CheckConstraint(
                condition=models.Q(("hour__lte", models.F("day"))),
                name="spend_alarm_of_an_hour_is_within_the_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="spendalarm",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")),
                name="spend_alarm_names_a_currency",
            ),
        ),
    ]
