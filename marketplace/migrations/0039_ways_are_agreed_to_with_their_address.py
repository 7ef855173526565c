"""A second person agrees to one more way as its server is reached: not to where it goes later."""

from django.db import migrations

THERE = """
                    AND c.base_url = (
                        SELECT u.base_url FROM marketplace_upstream u WHERE u.id = NEW.upstream_id
                    )"""
AGREED = """
CREATE OR REPLACE FUNCTION marketplace_way_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    leads_elsewhere boolean := TG_OP = 'INSERT'
        OR (OLD.offer_id, OLD.upstream_id) IS DISTINCT FROM (NEW.offer_id, NEW.upstream_id);
BEGIN
    IF NOT leads_elsewhere AND NEW.role = OLD.role
        AND (NEW.role <> 'canary' OR NEW.share <= OLD.share)
    THEN
        RETURN NULL;
    END IF;
    -- The only way of an offer was looked at with its publication; customers' own models have one.
    IF NOT EXISTS (
        SELECT 1 FROM marketplace_offer o
        JOIN marketplace_modelversion v ON v.id = o.model_version_id
        JOIN marketplace_aimodel m ON m.id = v.model_id
        WHERE o.id = NEW.offer_id AND o.status IN ('in_review', 'published', 'deprecated')
            AND (m.retires_at IS NULL OR m.retires_at > now())
            AND EXISTS (
                SELECT 1 FROM marketplace_route r WHERE r.offer_id = o.id AND r.id <> NEW.id
            )
    ) THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM marketplace_serverchange c
        WHERE c.route_id = NEW.id AND c.status = 'applied'
            AND coalesce((c.facts->>'share')::int, 0) >= NEW.share
            AND CASE WHEN leads_elsewhere THEN
                    c.offer_id = NEW.offer_id AND c.upstream_id = NEW.upstream_id
                    AND c.upstream_model = NEW.upstream_model AND c.facts->>'role' = NEW.role/*there*/
                WHEN NEW.role <> OLD.role THEN c.facts->>'role' = NEW.role
                ELSE true
            END
    ) THEN
        RAISE EXCEPTION 'where an offer on sale leads changes when a second person agrees'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
"""

#: What waits already is agreed to where its server is now.
WAITING = """
ALTER TABLE marketplace_serverchange DISABLE TRIGGER marketplace_server_proposal_stays;
UPDATE marketplace_serverchange c SET base_url = u.base_url FROM marketplace_upstream u
WHERE u.id = c.upstream_id AND c.status = 'proposed' AND c.offer_id IS NOT NULL;
ALTER TABLE marketplace_serverchange ENABLE TRIGGER marketplace_server_proposal_stays;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0038_ways_under_four_eyes"),
    ]

    operations = [
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
        migrations.RunSQL(AGREED.replace("/*there*/", THERE), AGREED.replace("/*there*/", "")),
    ]
