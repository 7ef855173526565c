"""Servers that are about to be taken away, and how long each is waited for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0004_what_batches_cost"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="is_draining",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="upstream",
            name="connect_seconds",
            field=models.PositiveSmallIntegerField(default=5),
        ),
        migrations.AddField(
            model_name="upstream",
            name="first_byte_seconds",
            field=models.PositiveSmallIntegerField(default=120),
        ),
        migrations.AddField(
            model_name="upstream",
            name="idle_seconds",
            field=models.PositiveSmallIntegerField(default=120),
        ),
    ]
