"""Whoever is not sure whether a batch was made asks again under the same name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_batches")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="operation_key",
            field=models.CharField(max_length=255, null=True),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.UniqueConstraint(
                fields=("organization", "operation_key"), name="batch_once_per_operation"
            ),
        ),
    ]
