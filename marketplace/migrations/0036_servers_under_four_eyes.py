"""Where customers' requests go changes under four eyes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
import marketplace.encryption
from tenants import rls

CHANGES = f"REVOKE ALL ON marketplace_serverchange FROM {rls.APP_ROLE};"


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0035_where_servers_tell_their_load"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ServerChange",
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
                ("base_url", models.CharField(blank=True, max_length=300)),
                ("upstream_model", models.CharField(blank=True, max_length=200)),
                ("credential", marketplace.encryption.EncryptedField(blank=True, default="")),
                ("sets_credential", models.BooleanField(default=False)),
                ("forgets_credential", models.BooleanField(default=False)),
                (
                    "reachability",
                    models.CharField(
                        choices=[
                            ("unknown", "has not been asked yet"),
                            ("answers", "answers"),
                            ("refused", "refuses connections"),
                            ("unknown_name", "has a host name that nobody knows"),
                            ("silent", "does not answer in time"),
                            ("untrusted", "shows a certificate that is not trusted"),
                            ("credential", "refuses the credential"),
                            ("broken", "answers, but not with a list of models"),
                            ("unready", "says that it is not ready"),
                        ],
                        default="unknown",
                        max_length=12,
                    ),
                ),
                ("conformance", models.JSONField(blank=True, default=dict)),
                ("probed_at", models.DateTimeField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("applied", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("answer", models.CharField(blank=True, max_length=1000)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="changes",
                        to="marketplace.route",
                    ),
                ),
                (
                    "upstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="changes",
                        to="marketplace.upstream",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "proposed")),
                        fields=("upstream", "route"),
                        name="one_change_of_a_server_at_a_time",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "applied"), _negated=True),
                            models.Q(
                                ("decided_by__isnull", False),
                                ("probed_at__isnull", False),
                                models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="server_change_under_four_eyes",
                    ),
                ],
            },
        ),
        # The operator's alone.
        migrations.RunSQL(CHANGES, migrations.RunSQL.noop),
    ]
