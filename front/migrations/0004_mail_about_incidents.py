"""Addresses that are written to about incidents, and the letters they get."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("front", "0003_announcements"),
        ("marketplace", "0029_kinds_of_servers"),
        ("tenants", "0013_sign_ups_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="incidentupdate",
            name="mailed_to",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.CreateModel(
            name="StatusSubscription",
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
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                ("language", models.CharField(max_length=10, verbose_name="language")),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("invited_at", models.DateTimeField(null=True)),
                (
                    "named_models",
                    models.ManyToManyField(blank=True, related_name="+", to="marketplace.aimodel"),
                ),
                (
                    "regions",
                    models.ManyToManyField(blank=True, related_name="+", to="tenants.region"),
                ),
            ],
            options={
                "ordering": ("created_at", "id"),
            },
        ),
        migrations.CreateModel(
            name="StatusLetter",
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
                ("claimed_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "update",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="letters",
                        to="front.incidentupdate",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="letters",
                        to="front.statussubscription",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="statussubscription",
            constraint=models.UniqueConstraint(
                condition=models.Q(("confirmed_at__isnull", False)),
                fields=("email",),
                name="status_mail_once_an_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="statussubscription",
            constraint=models.UniqueConstraint(
                condition=models.Q(("confirmed_at", None)),
                fields=("email",),
                name="status_mail_asked_for_once_an_address",
            ),
        ),
        migrations.AddIndex(
            model_name="statusletter",
            index=models.Index(
                condition=models.Q(("sent_at", None)),
                fields=["created_at"],
                name="status_letters_to_send",
            ),
        ),
        migrations.AddConstraint(
            model_name="statusletter",
            constraint=models.UniqueConstraint(
                fields=("subscription", "update"), name="status_letter_once"
            ),
        ),
        migrations.RunSQL(
            "REVOKE ALL ON front_statussubscription, front_statussubscription_regions,"
            " front_statussubscription_named_models, front_statusletter"
            f" FROM {rls.APP_ROLE}",
            migrations.RunSQL.noop,
        ),
    ]
