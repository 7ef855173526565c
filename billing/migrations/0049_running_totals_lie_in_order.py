"""Running totals of a day stand together by currency and customer, as the desk reads them."""

from django.db import migrations, models

#: The rows there are: later ones are written in this order.
IN_ORDER = "CLUSTER billing_runningtotal USING running_total_once; ANALYZE billing_runningtotal;"


class Migration(migrations.Migration):
    dependencies = [("billing", "0048_seals_hold_hours_prices_and_invoices")]

    operations = [
        migrations.RemoveConstraint(model_name="runningtotal", name="running_total_once"),
        migrations.AddConstraint(
            model_name="runningtotal",
            constraint=models.UniqueConstraint(
                fields=("day", "currency", "customer", "offer_name"),
                name="running_total_once",
                nulls_distinct=False,
            ),
        ),
        migrations.RunSQL(IN_ORDER, migrations.RunSQL.noop),
    ]
