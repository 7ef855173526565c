"""Closing a month asks for lines about customers whom others pay for: they are few, and found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0033_refunds_are_kept"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="invoiceline",
            index=models.Index(
                condition=models.Q(("used_by__isnull", False)),
                fields=["used_by"],
                name="lines_of_who_is_paid_for",
            ),
        ),
    ]
