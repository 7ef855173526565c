"""The database tells that the catalogue has changed, so that programs may keep what they read of it."""

from django.db import migrations, models

CHANGED = """
CREATE FUNCTION marketplace_catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM changed) THEN
        INSERT INTO marketplace_catalogueedit DEFAULT VALUES;
    END IF;
    RETURN NULL;
END $$;
"""
TABLES = (
    "marketplace_publisher",
    "marketplace_aimodel",
    "marketplace_modelversion",
    "tenants_region",
    "marketplace_offer",
    "marketplace_measurement",
    "marketplace_pricebook",
    "marketplace_price",
)
EVENTS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}
TRIGGERS = "".join(
    f"CREATE TRIGGER {table}_{event.lower()}_is_told AFTER {event} ON {table}"
    f" REFERENCING {rows} TABLE AS changed"
    f" FOR EACH STATEMENT EXECUTE FUNCTION marketplace_catalogue_changed();"
    for table in TABLES
    for event, rows in EVENTS.items()
)
WITHOUT = "".join(
    f"DROP TRIGGER {table}_{event.lower()}_is_told ON {table};"
    for table in TABLES
    for event in EVENTS
)


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0036_servers_under_four_eyes"),
    ]

    operations = [
        migrations.CreateModel(
            name="CatalogueEdit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.RunSQL(
            CHANGED + TRIGGERS, WITHOUT + "DROP FUNCTION marketplace_catalogue_changed();"
        ),
    ]
