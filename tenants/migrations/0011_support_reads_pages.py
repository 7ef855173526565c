"""Staff reads a customer's pages when let in, for half an hour at most, and never by their own word."""

import datetime

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import common.ids
from tenants import rls

#: Customers read who asked and who was let in; what they decide, the service writes.
READ = f"""
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON tenants_supportaccess FROM {rls.APP_ROLE};
REVOKE DELETE, TRUNCATE ON tenants_supportaccess FROM {rls.SERVICE_ROLE};
"""


def _person(**facts: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **facts,
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0010_customers_are_held_and_noted")]

    operations = [
        migrations.AddField(
            "organization",
            "allows_support",
            models.BooleanField(default=True, verbose_name="support may ask to look"),
        ),
        migrations.CreateModel(
            name="SupportAccess",
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
                ("reason", models.CharField(max_length=250, verbose_name="reason")),
                ("ticket", models.CharField(max_length=60, verbose_name="ticket")),
                ("minutes", models.PositiveSmallIntegerField(verbose_name="minutes")),
                (
                    "way",
                    models.CharField(
                        max_length=10,
                        default="invited",
                        choices=[
                            ("invited", "The customer lets them in"),
                            ("emergency", "In an emergency, somebody else of the staff does"),
                        ],
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        max_length=10,
                        default="asked",
                        choices=[
                            ("asked", "Asked for"),
                            ("granted", "Granted"),
                            ("refused", "Refused"),
                            ("ended", "Ended"),
                        ],
                    ),
                ),
                ("lapses_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("decided_by", _person(null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="support_accesses",
                        to="tenants.organization",
                    ),
                ),
                ("supporter", _person()),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(decided_by=None) | ~Q(decided_by=F("supporter")),
                        name="nobody_lets_themselves_into_a_customers_pages",
                    ),
                    models.CheckConstraint(
                        condition=~Q(state="granted")
                        | Q(
                            decided_by__isnull=False,
                            decided_at__isnull=False,
                            expires_at__gt=F("decided_at"),
                            expires_at__lte=F("decided_at") + datetime.timedelta(minutes=30),
                        ),
                        name="support_lasts_half_an_hour_at_most",
                    ),
                    models.UniqueConstraint(
                        fields=("organization", "supporter"),
                        condition=Q(state="asked"),
                        name="one_open_question_of_support",
                    ),
                ],
            },
        ),
        rls.TenantTable("tenants_supportaccess"),
        migrations.RunSQL(READ, migrations.RunSQL.noop),
    ]
