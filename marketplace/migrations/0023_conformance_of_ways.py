"""What a probe of a way to a server found."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0022_terms_and_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="route",
            name="conformance",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="route",
            name="conformed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
