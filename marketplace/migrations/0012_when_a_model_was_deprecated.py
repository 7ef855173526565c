"""Since when a model is deprecated; of those that are, the day of their last change says it best."""

from django.db import migrations, models


def begin(apps, schema_editor):
    """Take the last change for the day on which it was announced."""
    models_ = apps.get_model("marketplace", "AIModel").objects.using(schema_editor.connection.alias)
    models_.filter(status="deprecated").update(deprecated_at=models.F("updated_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0011_versions_have_a_tokenizer"),
    ]

    operations = [
        migrations.AddField(
            model_name="aimodel",
            name="deprecated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
