"""Terms that customers accept, and access that the operator grants, before a model is called."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: A customer asks; what becomes of it is the operator's to say.
ASKING = f"""
REVOKE UPDATE, DELETE, TRUNCATE ON marketplace_accessrequest FROM {rls.APP_ROLE};
CREATE POLICY marketplace_accessrequest_begins_undecided ON marketplace_accessrequest
    AS RESTRICTIVE FOR INSERT TO {rls.APP_ROLE} WITH CHECK (state = 'waiting');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0021_dossiers_of_models"),
        ("tenants", "0009_passes_of_the_playground"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="aimodel",
            name="needs_approval",
            field=models.BooleanField(default=False, verbose_name="each customer asks for access"),
        ),
        migrations.CreateModel(
            name="ModelTerms",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("text", models.TextField()),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="all_terms",
                        to="marketplace.aimodel",
                    ),
                ),
            ],
            options={
                "ordering": ("-version",),
            },
        ),
        migrations.AddField(
            model_name="aimodel",
            name="terms",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="marketplace.modelterms",
            ),
        ),
        migrations.CreateModel(
            name="TermsAcceptance",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("accepted_by", models.CharField(max_length=254)),
                ("accepted_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accepted_terms",
                        to="tenants.organization",
                    ),
                ),
                (
                    "terms",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptances",
                        to="marketplace.modelterms",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-accepted_at",),
            },
        ),
        migrations.CreateModel(
            name="AccessRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("reason", models.TextField(verbose_name="reason")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approved", "Approved"),
                            ("denied", "Denied"),
                            ("revoked", "Revoked"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=500, verbose_name="answer")),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_requests",
                        to="marketplace.aimodel",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="access_requests",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("waiting", "approved"))),
                        fields=("organization", "model"),
                        name="access_asked_for_once_at_a_time",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="modelterms",
            constraint=models.UniqueConstraint(
                fields=("model", "version"), name="terms_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="termsacceptance",
            constraint=models.UniqueConstraint(
                fields=("organization", "terms"), name="terms_accepted_once_per_organization"
            ),
        ),
        rls.AppendOnlyTable("marketplace_modelterms"),
        rls.ReadOnlyForApp("marketplace_modelterms"),
        rls.TenantTable("marketplace_termsacceptance", append_only=True),
        rls.TenantTable("marketplace_accessrequest"),
        migrations.RunSQL(ASKING, migrations.RunSQL.noop),
    ]
