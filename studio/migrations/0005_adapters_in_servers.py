"""A private model may be an adapter in a server of its base."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0017_servers_take_adapters"),
        ("studio", "0004_tuned_models"),
    ]

    operations = [
        migrations.AddField(
            model_name="tunedmodel",
            name="engine",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.upstream",
            ),
        ),
        migrations.AddField(
            model_name="tunedmodel",
            name="engine_trouble",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="tunedmodel",
            name="is_wanted",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="tunedmodel",
            name="loaded_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
