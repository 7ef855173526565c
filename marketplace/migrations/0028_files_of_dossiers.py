"""Files of dossiers; of those that staff alone keeps, the app role reads nothing."""

from django.db import migrations, models

from tenants import rls

READ = f"GRANT SELECT (files) ON marketplace_dossier TO {rls.APP_ROLE};"


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0027_models_for_some_alone"),
    ]

    operations = [
        migrations.AddField(
            model_name="dossier",
            name="files",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="dossier",
            name="kept_files",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.RunSQL(READ, migrations.RunSQL.noop),
    ]
