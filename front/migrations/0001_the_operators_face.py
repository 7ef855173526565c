"""Versions of the site and of legal pages: what was published stays as it was."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import common.ids
from tenants import rls

#: Everything here is read and written as the service: pages ask once for all.
WALLS = f"""
REVOKE ALL ON front_picture, front_siteversion, front_legaltext FROM {rls.APP_ROLE};

CREATE FUNCTION front_site_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status <> 'draft' THEN
            RAISE EXCEPTION 'what was published of the site is kept'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.status <> 'draft' AND (
        NEW.status <> 'past' OR OLD.status <> 'live'
        OR (OLD.name, OLD.short_name, OLD.accent, OLD.contact, OLD.sender_name,
            OLD.sender_address, OLD.logo_id, OLD.logo_dark_id, OLD.favicon_id, OLD.words,
            OLD.written_by_id, OLD.published_by_id, OLD.published_at)
        IS DISTINCT FROM (NEW.name, NEW.short_name, NEW.accent, NEW.contact, NEW.sender_name,
            NEW.sender_address, NEW.logo_id, NEW.logo_dark_id, NEW.favicon_id, NEW.words,
            NEW.written_by_id, NEW.published_by_id, NEW.published_at))
    THEN
        RAISE EXCEPTION 'what was published of the site stays as it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER front_site_stays BEFORE UPDATE OR DELETE ON front_siteversion
    FOR EACH ROW EXECUTE FUNCTION front_site_stays();

CREATE FUNCTION front_legal_text_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status <> 'proposed'
        OR (OLD.kind, OLD.version, OLD.texts, OLD.proposed_by_id)
            IS DISTINCT FROM (NEW.kind, NEW.version, NEW.texts, NEW.proposed_by_id)
        OR NEW.effective_on < OLD.effective_on
    THEN
        RAISE EXCEPTION 'a legal text is decided on as it was proposed, and then kept'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER front_legal_text_stays BEFORE UPDATE OR DELETE ON front_legaltext
    FOR EACH ROW EXECUTE FUNCTION front_legal_text_stays();
"""
OPEN = """
DROP TRIGGER front_legal_text_stays ON front_legaltext;
DROP FUNCTION front_legal_text_stays();
DROP TRIGGER front_site_stays ON front_siteversion;
DROP FUNCTION front_site_stays();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=common.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("image/png", "PNG"),
                            ("image/webp", "WebP"),
                            ("image/svg+xml", "SVG"),
                        ],
                        max_length=20,
                    ),
                ),
                ("content", models.BinaryField()),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="LegalText",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("terms", "Terms of service"),
                            ("privacy", "Data and privacy"),
                            ("imprint", "Legal notice"),
                            ("acceptable-use", "Acceptable use"),
                        ],
                        max_length=20,
                        verbose_name="page",
                    ),
                ),
                ("version", models.CharField(max_length=20, verbose_name="version")),
                ("texts", models.JSONField()),
                ("effective_on", models.DateField(verbose_name="in force from")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "Waits for a second person"),
                            ("approved", "Approved"),
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
            ],
            options={
                "ordering": ("kind", "-effective_on", "-created_at"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ("proposed", "approved"))),
                        fields=("kind", "version"),
                        name="legal_version_once_per_page",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "proposed")),
                        fields=("kind",),
                        name="one_legal_proposal_per_page",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ("approved",)), _negated=True),
                            models.Q(
                                ("decided_by__isnull", False),
                                models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="legal_text_under_four_eyes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteVersion",
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
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("live", "Live"), ("past", "Past")],
                        default="draft",
                        max_length=5,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=60, verbose_name="name")),
                (
                    "short_name",
                    models.CharField(blank=True, max_length=20, verbose_name="short name"),
                ),
                (
                    "accent",
                    models.CharField(blank=True, max_length=7, verbose_name="accent colour"),
                ),
                ("contact", models.CharField(blank=True, max_length=200, verbose_name="support")),
                (
                    "sender_name",
                    models.CharField(blank=True, max_length=60, verbose_name="sender of e-mails"),
                ),
                (
                    "sender_address",
                    models.EmailField(
                        blank=True, max_length=254, verbose_name="address of the sender"
                    ),
                ),
                ("words", models.JSONField(blank=True, default=dict)),
                ("published_at", models.DateTimeField(null=True)),
                (
                    "favicon",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="front.picture",
                    ),
                ),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="front.picture",
                    ),
                ),
                (
                    "logo_dark",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="front.picture",
                    ),
                ),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
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
                "ordering": ("-published_at", "-created_at"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "live")),
                        fields=("status",),
                        name="one_live_site",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "draft")),
                        fields=("status",),
                        name="one_draft_of_the_site",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "draft"),
                            models.Q(
                                ("published_at__isnull", False), ("published_by__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="site_is_published_by_somebody",
                    ),
                ],
            },
        ),
        rls.AppendOnlyTable("front_picture"),
        migrations.RunSQL(WALLS, OPEN),
    ]
