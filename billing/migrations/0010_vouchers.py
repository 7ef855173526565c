"""Vouchers: campaigns and codes are the desk's; what an organization redeemed is its own."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

# Pages redeem as the service: of codes and campaigns the app role sees nothing.
OF_THE_DESK = "REVOKE ALL ON billing_voucher, billing_vouchercampaign FROM tessera_app;"


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_sources_say_whose_they_are"),
        ("marketplace", "0005_draining_and_patience"),
        ("tenants", "0003_limits_of_organizations_and_projects"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="VoucherCampaign",
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
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "unit",
                    models.CharField(
                        choices=[("money", "Money"), ("tokens", "Tokens")], max_length=6
                    ),
                ),
                ("quantity", models.DecimalField(decimal_places=12, max_digits=30)),
                ("currency", models.CharField(max_length=3)),
                ("priority", models.SmallIntegerField(default=0)),
                ("validity_days", models.PositiveIntegerField()),
                ("redeem_until", models.DateTimeField()),
                ("is_once_each", models.BooleanField(default=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "token_class",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="marketplace.tokenclass",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="Voucher",
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
                ("digest", models.CharField(max_length=64, unique=True)),
                ("last_four", models.CharField(max_length=4)),
                ("uses", models.PositiveIntegerField(default=1)),
                ("redeemed", models.PositiveIntegerField(default=0)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="vouchers",
                        to="billing.vouchercampaign",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="VoucherRedemption",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("once", models.UUIDField()),
                ("redeemed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "grant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemption",
                        to="billing.creditgrant",
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="voucher_redemptions",
                        to="tenants.organization",
                    ),
                ),
                (
                    "voucher",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="billing.voucher",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="vouchercampaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0), ("validity_days__gt", 0)),
                name="voucher_is_worth_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="vouchercampaign",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("token_class", None), ("unit", "money")),
                    models.Q(("token_class__isnull", False), ("unit", "tokens")),
                    _connector="OR",
                ),
                name="voucher_tokens_are_of_a_class",
            ),
        ),
        migrations.AddConstraint(
            model_name="voucher",
            constraint=models.CheckConstraint(
                condition=models.Q(("redeemed__lte", models.F("uses"))),
                name="voucher_never_redeemed_beyond_its_uses",
            ),
        ),
        migrations.AddConstraint(
            model_name="voucherredemption",
            constraint=models.UniqueConstraint(
                fields=("organization", "once"), name="voucher_redeemed_once_per_organization"
            ),
        ),
        rls.TenantTable(
            "billing_voucherredemption", {"grant_id": "billing_creditgrant"}, append_only=True
        ),
        rls.ReadOnlyForApp("billing_voucherredemption"),
        migrations.RunSQL(OF_THE_DESK, migrations.RunSQL.noop),
    ]
