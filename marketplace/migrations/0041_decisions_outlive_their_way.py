"""What two people decided of a way stays on record when the way is removed."""

import django.db.models.deletion
from django.db import migrations, models

#: Of what was decided nobody knows any more what the way was before.
KNOWN = """
ALTER TABLE marketplace_serverchange DISABLE TRIGGER marketplace_server_proposal_stays;
UPDATE marketplace_serverchange c SET way = jsonb_build_object('offer', o.name)
    || CASE WHEN c.status = 'proposed' THEN jsonb_build_object(
        'upstream_model', r.upstream_model, 'role', r.role, 'share', r.share
    ) ELSE '{}' END
FROM marketplace_route r JOIN marketplace_offer o ON o.id = r.offer_id
WHERE r.id = c.route_id AND c.offer_id IS NULL;
ALTER TABLE marketplace_serverchange ENABLE TRIGGER marketplace_server_proposal_stays;
"""
STAYS = """
CREATE OR REPLACE FUNCTION marketplace_server_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN/*gone*/
    IF OLD.status <> 'proposed'
        OR (OLD.upstream_id, OLD.offer_id, OLD.base_url, OLD.upstream_model, OLD.facts,/*old*/
                OLD.sets_credential, OLD.forgets_credential, OLD.proposed_by_id)
            IS DISTINCT FROM
            (NEW.upstream_id, NEW.offer_id, NEW.base_url, NEW.upstream_model, NEW.facts,/*new*/
                NEW.sets_credential, NEW.forgets_credential, NEW.proposed_by_id)
        OR (OLD.route_id IS DISTINCT FROM NEW.route_id
            AND (OLD.route_id IS NOT NULL OR OLD.offer_id IS NULL))
    THEN
        RAISE EXCEPTION 'what was proposed is decided on as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
#: A way that is removed leaves what was decided of it, and nothing else of it changes.
GONE = """
    IF OLD.status <> 'proposed' AND NEW.route_id IS NULL
        AND to_jsonb(OLD) - 'route_id' = to_jsonb(NEW) - 'route_id'
    THEN
        RETURN NEW;
    END IF;"""
NOW = (
    STAYS.replace("/*gone*/", GONE).replace("/*old*/", " OLD.way,").replace("/*new*/", " NEW.way,")
)
BEFORE = STAYS.replace("/*gone*/", "").replace("/*old*/", "").replace("/*new*/", "")


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0040_notices_are_claimed"),
    ]

    operations = [
        migrations.AddField(
            model_name="serverchange",
            name="way",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name="serverchange",
            name="route",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="changes",
                to="marketplace.route",
            ),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        migrations.RunSQL(NOW, BEFORE),
    ]
