"""The end of a price can be moved as long as it has not come: what will be is no history yet."""

from django.db import migrations

MOVABLE = """
CREATE OR REPLACE FUNCTION marketplace_price_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.effective_until <= now()
       OR (OLD.effective_until IS NULL AND NEW.effective_until IS NULL)
       OR (OLD.effective_until IS NOT NULL AND NEW.effective_until < now())
       OR (to_jsonb(NEW) - 'effective_until') <> (to_jsonb(OLD) - 'effective_until') THEN
        RAISE EXCEPTION '% of %: a price is closed once and never changed', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
CLOSED_ONCE = """
CREATE OR REPLACE FUNCTION marketplace_price_is_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.effective_until IS NOT NULL OR NEW.effective_until IS NULL
       OR (to_jsonb(NEW) - 'effective_until') <> (to_jsonb(OLD) - 'effective_until') THEN
        RAISE EXCEPTION '% of %: a price is closed once and never changed', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0009_models_are_cleared_for_data"),
    ]

    operations = [
        migrations.RunSQL(MOVABLE, CLOSED_ONCE),
    ]
