"""What looks like abuse: customers read what was seen, staff alone what was decided."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: What was seen, and of which kinds; not who decided what, and why.
READ = f"""
REVOKE ALL ON tenants_abusesignal FROM {rls.APP_ROLE};
GRANT SELECT (id, organization_id, api_key_id, kind, level, figures, raised_at, seen_at, closed_at)
    ON tenants_abusesignal TO {rls.APP_ROLE};
CREATE POLICY tenants_abusesignal_that_is_told ON tenants_abusesignal AS RESTRICTIVE
    TO {rls.APP_ROLE} USING (kind IN ('spend_spike', 'leaked_key'));
REVOKE DELETE, TRUNCATE ON tenants_abusesignal FROM {rls.SERVICE_ROLE};
CREATE TRIGGER tenants_abusesignal_is_decided_once BEFORE UPDATE ON tenants_abusesignal
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER tenants_abusesignal_stays BEFORE DELETE ON tenants_abusesignal
    FOR EACH ROW EXECUTE FUNCTION tenants_refuse_change();
CREATE TRIGGER tenants_abusesignal_is_never_emptied BEFORE TRUNCATE ON tenants_abusesignal
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_refuse_change();
"""  # noqa: S608 - the names are this module's own


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0011_support_reads_pages"),
    ]

    operations = [
        migrations.CreateModel(
            name="AbuseSignal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("spend_spike", "Unusual spend"),
                            ("new_account", "New customer spends fast"),
                            ("leaked_key", "Leaked key"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "level",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "to look at"), (2, "grave"), (3, "very grave")]
                    ),
                ),
                ("figures", models.JSONField(default=dict)),
                (
                    "raised_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("dismissed", "Dismissed"), ("acted", "Acted upon")],
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=250)),
                ("quiet_until", models.DateTimeField(null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.apikey",
                    ),
                ),
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
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="abuse_signals",
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "ordering": ("-raised_at", "-id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)),
                        fields=("organization", "kind", "api_key"),
                        name="one_open_abuse_signal_of_a_kind",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_at", None),
                                ("decided_by", None),
                                ("decision", ""),
                                ("quiet_until", None),
                            ),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("decision__in", ("dismissed", "acted")),
                                ("quiet_until__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="abuse_signal_closed_by_a_decision",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "leaked_key"), _negated=True),
                            ("api_key__isnull", False),
                            _connector="OR",
                        ),
                        name="abuse_signal_of_a_leak_names_the_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", (1, 2, 3))),
                        name="abuse_signal_level_is_known",
                    ),
                ],
            },
        ),
        rls.TenantTable("tenants_abusesignal", {"api_key_id": "tenants_apikey"}),
        migrations.RunSQL(READ, migrations.RunSQL.noop),
    ]
