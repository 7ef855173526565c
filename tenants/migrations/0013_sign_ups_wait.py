"""Who may sign up is a policy that staff writes, and who waits for them does nothing yet."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: Customers read how it stands with them; how it comes to stand, the service writes.
READ = f"""
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON tenants_signup FROM {rls.APP_ROLE};
REVOKE DELETE, TRUNCATE ON tenants_signup FROM {rls.SERVICE_ROLE};
REVOKE ALL ON tenants_signuppolicy FROM {rls.APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0012_what_looks_like_abuse"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignUp",
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
                ("email", models.EmailField(max_length=254)),
                ("use", models.CharField(blank=True, max_length=500)),
                ("admitted_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="SignUpPolicy",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField(unique=True)),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("open", "Open: everybody may"),
                            ("approval", "By approval: a person of the staff decides"),
                            ("invited", "By invitation: only who is on the list of the welcome"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="who may sign up",
                    ),
                ),
                (
                    "welcome",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=254),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "blocked",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=254),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "first_rpm",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="requests per minute"
                    ),
                ),
                (
                    "first_tpm",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="tokens per minute"
                    ),
                ),
                (
                    "first_concurrency",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="parallel calls"
                    ),
                ),
                ("written_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ("-number",),
            },
        ),
        migrations.AddField(
            model_name="organization",
            name="admission",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting for approval"),
                    ("admitted", "Let in"),
                    ("refused", "Refused"),
                ],
                default="admitted",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="organization",
            name="first_concurrency",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="first_rpm",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="organization",
            name="first_tpm",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="organization",
            index=models.Index(
                condition=models.Q(("admission", "waiting")),
                fields=["created_at"],
                name="organizations_that_wait",
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="applicant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="organization",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sign_up",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="signuppolicy",
            name="written_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="signup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("applicant")), _negated=True),
                    _connector="OR",
                ),
                name="nobody_lets_themselves_in",
            ),
        ),
        migrations.AddConstraint(
            model_name="signup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("decided_by", None)),
                    models.Q(("decided_at__isnull", False), ("decided_by__isnull", False)),
                    _connector="OR",
                ),
                name="sign_up_is_decided_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="signuppolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("first_rpm", None), ("first_rpm__gt", 0), _connector="OR"),
                    models.Q(("first_tpm", None), ("first_tpm__gt", 0), _connector="OR"),
                    models.Q(
                        ("first_concurrency", None), ("first_concurrency__gt", 0), _connector="OR"
                    ),
                ),
                name="first_limits_let_something_through",
            ),
        ),
        rls.TenantTable("tenants_signup"),
        rls.AppendOnlyTable("tenants_signuppolicy"),
        migrations.RunSQL(READ, migrations.RunSQL.noop),
    ]
