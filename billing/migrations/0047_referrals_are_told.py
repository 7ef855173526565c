from django.db import migrations, models
from django.utils import timezone

# What was credited stays as it is; that somebody was told of it is noted later, once.
STATES = """
CREATE OR REPLACE FUNCTION billing_referral_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'paid' AND OLD.told_at IS NULL AND NEW.told_at IS NOT NULL
        AND to_jsonb(OLD) - 'told_at' = to_jsonb(NEW) - 'told_at'
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state IN ('refused', 'taken_back')
        OR (OLD.state = 'paid' AND NEW.state <> 'taken_back')
        OR (OLD.organization_id, OLD.newcomer_id)
            IS DISTINCT FROM (NEW.organization_id, NEW.newcomer_id)
    THEN
        RAISE EXCEPTION 'what came of a referral is not undone'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0046_referrals")]

    operations = [
        # Those before were told by their bell: all that are there count as told.
        migrations.AddField(
            "referral", "told_at", models.DateTimeField(null=True, default=timezone.now)
        ),
        migrations.AlterField("referral", "told_at", models.DateTimeField(null=True)),
        migrations.RunSQL(STATES, migrations.RunSQL.noop),
    ]
