"""Servers of a base model may take adapters while they run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0016_conversations_people_keep"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="loads_adapters",
            field=models.BooleanField(default=False),
        ),
    ]
