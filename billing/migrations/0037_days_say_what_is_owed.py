"""Days say what of them no credit paid, so that a month's settlement is read from its days."""

from django.db import migrations, models

from metering import days

BEFORE = ("requests", "amount")
MORE = ("uncovered",)


class Migration(migrations.Migration):
    dependencies = [("billing", "0036_models_have_costs")]

    operations = [
        # Whoever writes quarter-hours waits, before it holds a day that this waits for.
        migrations.RunSQL(
            "LOCK TABLE billing_spendbucket IN ACCESS EXCLUSIVE MODE", migrations.RunSQL.noop
        ),
        migrations.AddField(
            "spendday",
            "uncovered",
            models.DecimalField(decimal_places=12, default=0, max_digits=30),
        ),
        days.FillMoreDays(
            "billing_spendday",
            "billing_spendbucket",
            key=("organization_id", "day", "offer_name", "currency"),
            more=MORE,
        ),
        days.KeepMoreDays(
            "billing_spendday",
            "billing_spendbucket",
            key=("organization_id", "day", "offer_name", "currency"),
            counts=BEFORE,
            more=MORE,
        ),
    ]
