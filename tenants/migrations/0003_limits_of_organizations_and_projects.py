"""Organizations and projects have limits of their own beside their keys'; pages may set them."""

from django.db import migrations, models

LIMITS = {
    "rpm_limit": "requests per minute",
    "tpm_limit": "tokens per minute",
    "concurrency_limit": "parallel calls",
}
ORGANIZATIONS = """
GRANT UPDATE (rpm_limit, tpm_limit, concurrency_limit) ON tenants_organization TO tessera_app;
"""


def limit(name):
    """Return the field of one limit."""
    return models.PositiveIntegerField(LIMITS[name], null=True, blank=True)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_what_pages_may_change")]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=limit(name))
            for model in ("organization", "project")
            for name in LIMITS
        ),
        *(
            migrations.AlterField(model_name="apikey", name=name, field=limit(name))
            for name in LIMITS
        ),
        migrations.RunSQL(ORGANIZATIONS, migrations.RunSQL.noop),
    ]
