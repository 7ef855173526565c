"""Ways on trial: canaries and shadows, and what they have shown."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
from tenants import rls

COUNTS = f"REVOKE ALL ON marketplace_trialtally FROM {rls.APP_ROLE};"


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0024_services_beside_models"),
    ]

    operations = [
        migrations.CreateModel(
            name="TrialTally",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "arm",
                    models.CharField(
                        choices=[("new", "The way on trial"), ("usual", "All other ways")],
                        max_length=5,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("good", "answered"),
                            ("failed", "did not answer, or with an error"),
                            ("broke", "broke off"),
                            ("dropped", "was not asked: too many copies at once"),
                        ],
                        max_length=7,
                    ),
                ),
                ("within", models.FloatField(default=0)),
                ("amount", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="route",
            name="role",
            field=models.CharField(
                choices=[
                    ("serves", "Answers"),
                    ("canary", "Canary: answers a share first"),
                    ("shadow", "Shadow: gets copies, answers nobody"),
                ],
                default="serves",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="share",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(
                condition=models.Q(("role", "serves"), _negated=True),
                fields=("offer", "role"),
                name="one_trial_of_a_kind_per_offer",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("role", "serves"), ("share", 0)),
                    models.Q(models.Q(("role", "serves"), _negated=True), ("share__lte", 100)),
                    _connector="OR",
                ),
                name="share_of_trials_in_per_cent",
            ),
        ),
        migrations.AddField(
            model_name="trialtally",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tallies",
                to="marketplace.route",
            ),
        ),
        migrations.AddConstraint(
            model_name="trialtally",
            constraint=models.UniqueConstraint(
                fields=("route", "arm", "outcome", "within"), name="trial_tally_once"
            ),
        ),
        migrations.RunSQL(COUNTS, migrations.RunSQL.noop),
    ]
