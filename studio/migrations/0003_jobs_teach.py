"""Jobs that teach: measured by other examples, counted by the model's own tokenizer."""

import django.db.models.deletion
from django.db import migrations, models

REFERENCE = """
ALTER TABLE studio_finetuningjob
    ADD CONSTRAINT studio_finetuningjob_validation_id_same_organization
        FOREIGN KEY (organization_id, validation_id) REFERENCES studio_dataset (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED;
"""
DROP = """
ALTER TABLE studio_finetuningjob
    DROP CONSTRAINT studio_finetuningjob_validation_id_same_organization;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0014_where_weights_lie"),
        ("studio", "0002_jobs_are_paid_for"),
    ]

    operations = [
        migrations.AddField(
            model_name="checkpoint", name="metrics", field=models.JSONField(default=dict)
        ),
        migrations.AddField(
            model_name="dataset", name="counts", field=models.JSONField(default=dict)
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="counted_tokens",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="validation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="studio.dataset",
            ),
        ),
        migrations.RunSQL(REFERENCE, DROP),
    ]
