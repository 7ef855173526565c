"""One more way of an offer on sale, and a canary that answers more, wait for a second person."""

import django.db.models.deletion
from django.db import migrations, models

AGREED = """
CREATE FUNCTION marketplace_way_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
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
                    AND c.upstream_model = NEW.upstream_model AND c.facts->>'role' = NEW.role
                WHEN NEW.role <> OLD.role THEN c.facts->>'role' = NEW.role
                ELSE true
            END
    ) THEN
        RAISE EXCEPTION 'where an offer on sale leads changes when a second person agrees'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER marketplace_way_is_agreed
    AFTER INSERT OR UPDATE OF offer_id, upstream_id, role, share ON marketplace_route
    FOR EACH ROW EXECUTE FUNCTION marketplace_way_is_agreed();

CREATE FUNCTION marketplace_server_proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'proposed'
        OR (OLD.upstream_id, OLD.offer_id, OLD.base_url, OLD.upstream_model, OLD.facts,
                OLD.sets_credential, OLD.forgets_credential, OLD.proposed_by_id)
            IS DISTINCT FROM
            (NEW.upstream_id, NEW.offer_id, NEW.base_url, NEW.upstream_model, NEW.facts,
                NEW.sets_credential, NEW.forgets_credential, NEW.proposed_by_id)
        OR (OLD.route_id IS DISTINCT FROM NEW.route_id
            AND (OLD.route_id IS NOT NULL OR OLD.offer_id IS NULL))
    THEN
        RAISE EXCEPTION 'what was proposed is decided on as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER marketplace_server_proposal_stays
    BEFORE UPDATE ON marketplace_serverchange
    FOR EACH ROW EXECUTE FUNCTION marketplace_server_proposal_stays();
"""

WITHOUT = """
DROP TRIGGER marketplace_server_proposal_stays ON marketplace_serverchange;
DROP FUNCTION marketplace_server_proposal_stays();
DROP TRIGGER marketplace_way_is_agreed ON marketplace_route;
DROP FUNCTION marketplace_way_is_agreed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0037_edits_of_the_catalogue"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="serverchange",
            name="one_change_of_a_server_at_a_time",
        ),
        migrations.AddField(
            model_name="serverchange",
            name="facts",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="serverchange",
            name="offer",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="way_changes",
                to="marketplace.offer",
            ),
        ),
        migrations.AddConstraint(
            model_name="serverchange",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "proposed")),
                fields=("upstream", "route", "offer"),
                name="one_change_of_a_server_at_a_time",
                nulls_distinct=False,
            ),
        ),
        migrations.RunSQL(AGREED, WITHOUT),
    ]
