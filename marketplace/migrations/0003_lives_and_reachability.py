"""Replacements and dates of retirement, what a look at a server found, and prices taken back."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0002_first_price_book"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="price",
            name="price_ends_after_it_begins",
        ),
        migrations.AddField(
            model_name="aimodel",
            name="replaced_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaces",
                to="marketplace.aimodel",
            ),
        ),
        migrations.AddField(
            model_name="upstream",
            name="checked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="upstream",
            name="reachability",
            field=models.CharField(
                choices=[
                    ("unknown", "has not been asked yet"),
                    ("answers", "answers"),
                    ("refused", "refuses connections"),
                    ("unknown_name", "has a host name that nobody knows"),
                    ("silent", "does not answer in time"),
                    ("untrusted", "shows a certificate that is not trusted"),
                    ("credential", "refuses the credential"),
                    ("broken", "answers, but not with a list of models"),
                ],
                default="unknown",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="upstream",
            name="served_models",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=200), blank=True, default=list, size=None
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("effective_until", None),
                    ("effective_until__gte", models.F("effective_from")),
                    _connector="OR",
                ),
                name="price_never_ends_before_it_begins",
            ),
        ),
    ]
