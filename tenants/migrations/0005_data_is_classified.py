"""Organizations and projects say how confidential their data is; pages may set it."""

from django.db import migrations, models

LEVELS = [
    ("public", "Public"),
    ("internal", "Internal"),
    ("confidential", "Confidential"),
    ("restricted", "Restricted"),
]
ORGANIZATIONS = "GRANT UPDATE (classification) ON tenants_organization TO tessera_app"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_webhooks")]

    operations = [
        *(
            migrations.AddField(
                model,
                "classification",
                models.CharField(
                    "classification of its data", choices=LEVELS, default="public", max_length=12
                ),
            )
            for model in ("organization", "project")
        ),
        migrations.RunSQL(ORGANIZATIONS, migrations.RunSQL.noop),
    ]
