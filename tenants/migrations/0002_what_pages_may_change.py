"""Of their organization, pages change what it says of itself: not its currency, not its state."""

from django.db import migrations

ORGANIZATIONS = """
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON tenants_organization FROM tessera_app;
GRANT UPDATE (name, kind, country, time_zone, allowed_jurisdictions, updated_at)
    ON tenants_organization TO tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [migrations.RunSQL(ORGANIZATIONS, migrations.RunSQL.noop)]
