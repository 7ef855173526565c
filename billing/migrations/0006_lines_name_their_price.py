"""Invoice lines say what was used at which price, and which earlier month they correct."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_sums_by_day")]

    operations = [
        migrations.AddField(
            model_name="invoiceline",
            name="offer_name",
            field=models.CharField(blank=True, default="", max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="part",
            field=models.CharField(blank=True, default="", max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="price_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="invoiceline",
            name="corrects",
            field=models.DateTimeField(null=True),
        ),
    ]
