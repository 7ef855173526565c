"""Announcements, and who has put them away."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls


class Migration(migrations.Migration):
    dependencies = [
        ("front", "0002_incidents"),
        ("marketplace", "0024_services_beside_models"),
        ("tenants", "0011_support_reads_pages"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Announcement",
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
                ("texts", models.JSONField()),
                (
                    "tone",
                    models.CharField(
                        choices=[("note", "Information"), ("warn", "Warning")],
                        default="note",
                        max_length=4,
                        verbose_name="kind",
                    ),
                ),
                (
                    "audience",
                    models.CharField(
                        choices=[
                            ("everyone", "Everyone"),
                            ("members", "Who is signed in"),
                            ("staff", "The operator's staff"),
                            ("customers", "Members of these groups and organizations"),
                        ],
                        max_length=9,
                        verbose_name="audience",
                    ),
                ),
                ("link", models.CharField(blank=True, max_length=300, verbose_name="link")),
                (
                    "is_dismissible",
                    models.BooleanField(default=True, verbose_name="people can put it away"),
                ),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True, related_name="+", to="marketplace.customergroup"
                    ),
                ),
                (
                    "organizations",
                    models.ManyToManyField(blank=True, related_name="+", to="tenants.organization"),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-starts_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="Dismissal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "announcement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dismissals",
                        to="front.announcement",
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
        ),
        migrations.AddConstraint(
            model_name="announcement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at", None), ("ends_at__gt", models.F("starts_at")), _connector="OR"
                ),
                name="announcement_ends_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="dismissal",
            constraint=models.UniqueConstraint(
                fields=("announcement", "user"), name="announcement_put_away_once"
            ),
        ),
        rls.AppendOnlyTable("front_dismissal"),
        rls.TenantTable("front_announcement_organizations"),
        migrations.RunSQL(
            "REVOKE ALL ON front_announcement, front_announcement_groups,"
            f" front_announcement_organizations, front_dismissal FROM {rls.APP_ROLE}",
            migrations.RunSQL.noop,
        ),
    ]
