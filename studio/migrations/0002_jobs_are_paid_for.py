"""What a job costs is quoted, set aside and taken once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As ``rls.TenantTable`` ties references to the organization.
REFERENCES = """
ALTER TABLE studio_finetuningjob
    ADD CONSTRAINT studio_finetuningjob_project_id_same_organization
        FOREIGN KEY (organization_id, project_id) REFERENCES tenants_project (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT studio_finetuningjob_api_key_id_same_organization
        FOREIGN KEY (organization_id, api_key_id) REFERENCES tenants_apikey (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED;
"""
DROP = """
ALTER TABLE studio_finetuningjob
    DROP CONSTRAINT studio_finetuningjob_project_id_same_organization,
    DROP CONSTRAINT studio_finetuningjob_api_key_id_same_organization;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0001_initial"),
        ("files", "0002_results_of_batches"),
        ("marketplace", "0013_trained_is_a_part_of_tokens"),
        ("studio", "0001_initial"),
        ("tenants", "0007_every_limit_has_one_of_the_operators"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="api_key",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="cost",
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=30, null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="currency",
            field=models.CharField(blank=True, max_length=3),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="max_cost",
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=30, null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="price",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.price",
            ),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="project",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.project",
            ),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="quote",
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=30, null=True),
        ),
        migrations.AlterField(
            model_name="finetuningjob",
            name="state",
            field=models.CharField(
                choices=[
                    ("validating", "Checking the dataset"),
                    ("awaiting_funds", "Waiting for credit"),
                    ("queued", "Queued"),
                    ("dispatched", "Handed to a cluster"),
                    ("running", "Running"),
                    ("recovering", "Starting again"),
                    ("finalizing", "Checking the result"),
                    ("cancelling", "Being cancelled"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="validating",
                max_length=14,
            ),
        ),
        migrations.AddConstraint(
            model_name="finetuningjob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cost", None),
                    models.Q(("cost__gte", 0), ("cost__lte", models.F("quote"))),
                    _connector="OR",
                ),
                name="job_never_costs_more_than_quoted",
            ),
        ),
        migrations.RunSQL(REFERENCES, DROP),
    ]
