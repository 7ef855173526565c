"""Months are summed up by prices: a number tells their documents apart where comparing them costs most."""

from django.db import migrations, models

from metering.models import PRICE_KEY


class Migration(migrations.Migration):
    dependencies = [("metering", "0008_trained_tokens")]

    operations = [
        migrations.AddField(
            "usageevent",
            "price_key",
            models.GeneratedField(
                expression=PRICE_KEY, output_field=models.BigIntegerField(), db_persist=True
            ),
        )
    ]
