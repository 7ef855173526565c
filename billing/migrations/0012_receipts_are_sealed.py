"""Receipts are sealed by the hour; into an hour that is closed nothing is recorded any more."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls

# Serialization failure: whoever records tries again, in a transaction of a later hour. The lock is
# the one that whoever closes an hour takes alone (billing.services.sealing).
HOUR_IS_OPEN = """
CREATE FUNCTION billing_hour_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8202, 0);
    IF EXISTS (
        SELECT FROM billing_closedhour WHERE starts_at >= date_trunc('hour', now(), 'UTC')
    ) THEN
        RAISE EXCEPTION 'the hour of % is closed: nothing is recorded in it any more', now()
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hour_is_open BEFORE INSERT ON billing_ratedusage
    FOR EACH STATEMENT EXECUTE FUNCTION billing_hour_is_open();
"""
DROP_HOUR_IS_OPEN = """
DROP TRIGGER hour_is_open ON billing_ratedusage;
DROP FUNCTION billing_hour_is_open();
"""
WHOLE = """
ALTER TABLE billing_closedhour ADD CONSTRAINT closed_hour_is_whole
    CHECK (date_trunc('hour', starts_at AT TIME ZONE 'UTC') = starts_at AT TIME ZONE 'UTC');
ALTER TABLE billing_seal
    ADD CONSTRAINT seal_of_a_whole_hour
    CHECK (date_trunc('hour', starts_at AT TIME ZONE 'UTC') = starts_at AT TIME ZONE 'UTC'),
    ADD CONSTRAINT seal_is_signed CHECK (octet_length(signature) = 64),
    ADD CONSTRAINT seal_has_hashes CHECK (octet_length(hash) = 32 AND octet_length(previous) = 32);
ALTER TABLE billing_sealedleaves ADD CONSTRAINT sealed_leaves_are_hashes
    CHECK (octet_length(hashes) BETWEEN 32 AND 32 * 1024 AND octet_length(hashes) % 32 = 0);
"""
#: Read by everybody; the results of checks name organizations and are the operator's.
SHARED = ("closedhour", "seal", "sealingkey", "sealcheck")
OWN = {"organizationseal": {}, "sealedleaves": {"organization_seal_id": "billing_organizationseal"}}


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0011_credit_notes_and_disputes"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClosedHour",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("starts_at", models.DateTimeField(unique=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField(unique=True)),
                ("starts_at", models.DateTimeField(unique=True)),
                ("document", models.TextField()),
                ("hash", models.BinaryField(max_length=32, unique=True)),
                ("previous", models.BinaryField(max_length=32, unique=True)),
                ("signature", models.BinaryField(max_length=64)),
                ("sealed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-number",),
            },
        ),
        migrations.CreateModel(
            name="SealCheck",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("checked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("through", models.PositiveIntegerField()),
                ("receipts", models.PositiveBigIntegerField()),
                ("problems", models.JSONField(default=list)),
            ],
            options={
                "ordering": ("-checked_at",),
            },
        ),
        migrations.CreateModel(
            name="SealingKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.CharField(max_length=16, unique=True)),
                ("public_key", models.BinaryField(max_length=32)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrganizationSeal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("document", models.TextField()),
                ("receipts", models.PositiveBigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("path", models.JSONField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "seal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="organizations",
                        to="billing.seal",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SealedLeaves",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("first_recorded_at", models.DateTimeField()),
                ("first_id", models.UUIDField()),
                ("root", models.BinaryField(max_length=32)),
                ("hashes", models.BinaryField()),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "organization_seal",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leaves",
                        to="billing.organizationseal",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="seal",
            name="key",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.sealingkey",
            ),
        ),
        migrations.AddConstraint(
            model_name="organizationseal",
            constraint=models.UniqueConstraint(
                fields=("organization", "seal"), name="organization_sealed_once_per_hour"
            ),
        ),
        migrations.AddConstraint(
            model_name="sealedleaves",
            constraint=models.UniqueConstraint(
                fields=("organization_seal", "number"), name="sealed_leaves_once_per_place"
            ),
        ),
        *(rls.ReadOnlyForApp(f"billing_{table}") for table in (*SHARED, *OWN)),
        *(rls.AppendOnlyTable(f"billing_{table}") for table in SHARED),
        *(
            rls.TenantTable(f"billing_{table}", references, append_only=True)
            for table, references in OWN.items()
        ),
        migrations.RunSQL(
            f"REVOKE ALL ON billing_sealcheck FROM {rls.APP_ROLE}", migrations.RunSQL.noop
        ),
        migrations.RunSQL(WHOLE, migrations.RunSQL.noop),
        migrations.RunSQL(HOUR_IS_OPEN, DROP_HOUR_IS_OPEN),
    ]
