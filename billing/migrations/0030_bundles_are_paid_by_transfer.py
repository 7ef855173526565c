"""Bundles can be paid by bank transfer, with a reference that the statement tells."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0029_one_pays_for_others"),
    ]

    operations = [
        migrations.AddField(
            model_name="bankline",
            name="order",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bank_lines",
                to="billing.order",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="expires_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="order",
            name="transfer_reference",
            field=models.CharField(max_length=25, null=True, unique=True),
        ),
    ]
