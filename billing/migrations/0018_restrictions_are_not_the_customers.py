"""Who is held back keeps their own limit; what dunning left of it stands beside it."""

from django.db import migrations

MOVED = """
UPDATE tenants_organization o SET
    restricted_rpm = 10,
    rpm_limit = CASE WHEN o.rpm_limit = least(10, (step.before->>'rpm_limit')::integer)
        THEN (step.before->>'rpm_limit')::integer ELSE o.rpm_limit END
FROM (
    SELECT DISTINCT ON (organization_id) organization_id, before FROM billing_dunningstep
    WHERE act = 'restrict' AND undone_at IS NULL ORDER BY organization_id, taken_at
) step
WHERE step.organization_id = o.id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0017_contracts_stay_with_their_customer"),
        ("tenants", "0006_organizations_are_restricted"),
    ]

    operations = [migrations.RunSQL(MOVED, migrations.RunSQL.noop)]
