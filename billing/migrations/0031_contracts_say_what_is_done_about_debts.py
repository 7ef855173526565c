"""Contracts say what is done about unpaid invoices, and the operator what is usual."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0030_bundles_are_paid_by_transfer"),
        ("tenants", "0007_every_limit_has_one_of_the_operators"),
    ]

    operations = [
        migrations.AddField(
            model_name="contract",
            name="dunning",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="plan",
            name="dunning",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="dunningpolicy",
            name="organization",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="dunning_policy",
                to="tenants.organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="dunningpolicy",
            constraint=models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(("organization", None)),
                name="one_usual_dunning_policy",
            ),
        ),
    ]
