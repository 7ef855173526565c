"""What an organization is restricted to stands beside its own limits; pages may not set it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_data_is_classified")]

    operations = [
        migrations.AddField(
            "organization",
            "restricted_rpm",
            models.PositiveIntegerField(null=True, blank=True),
        ),
    ]
