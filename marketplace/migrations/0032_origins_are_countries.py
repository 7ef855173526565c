"""A model's country of origin is chosen: what names one becomes its code, anything else stays."""

from babel import Locale
from django.db import migrations

FORCED = "ALTER TABLE marketplace_aimodel FORCE ROW LEVEL SECURITY"
LANGUAGES = ("en", "fr", "ar", "ru", "kk")


def code_countries(apps, schema_editor):
    model = apps.get_model("marketplace", "AIModel").objects.using(schema_editor.connection.alias)
    codes = {}
    for language in LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if len(code) == 2 and code.isalpha():
                codes.setdefault(name.casefold(), code)
    for origin in set(model.exclude(origin="").values_list("origin", flat=True)):
        if code := codes.get(origin.strip().casefold()):
            model.filter(origin=origin).update(origin=code)


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0031_words_in_other_languages")]

    # The owner of the table does not see its rows while row-level security is forced on it.
    operations = [
        migrations.RunSQL("ALTER TABLE marketplace_aimodel NO FORCE ROW LEVEL SECURITY", FORCED),
        migrations.RunPython(code_countries, migrations.RunPython.noop),
        migrations.RunSQL(FORCED, migrations.RunSQL.noop),
    ]
