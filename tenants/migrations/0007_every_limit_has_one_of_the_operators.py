"""Beside each of a customer's own limits stands one that is not theirs; pages may not set it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_organizations_are_restricted")]

    operations = [
        migrations.AddField(
            "organization", name, models.PositiveIntegerField(null=True, blank=True)
        )
        for name in ("restricted_tpm", "restricted_concurrency")
    ]
