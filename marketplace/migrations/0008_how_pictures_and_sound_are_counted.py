"""A model's record says how many tokens pictures and sounds are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0007_price_book_versions"),
    ]

    operations = [
        migrations.AddField(
            model_name="aimodel",
            name="audio_per_second",
            field=models.PositiveIntegerField(
                default=0, verbose_name="tokens of a second of sound, zero if not known"
            ),
        ),
        migrations.AddField(
            model_name="aimodel",
            name="image_base",
            field=models.PositiveIntegerField(default=0, verbose_name="tokens of an image"),
        ),
        migrations.AddField(
            model_name="aimodel",
            name="image_each",
            field=models.PositiveIntegerField(default=0, verbose_name="tokens of a tile or patch"),
        ),
        migrations.AddField(
            model_name="aimodel",
            name="image_most",
            field=models.PositiveIntegerField(
                default=16384, verbose_name="most tokens of an image"
            ),
        ),
        migrations.AddField(
            model_name="aimodel",
            name="image_rule",
            field=models.CharField(
                choices=[
                    ("unknown", "Not known: the most"),
                    ("fixed", "The same for every image"),
                    ("tiles", "By tile and detail, as OpenAI does"),
                    ("patches", "By patch"),
                ],
                default="unknown",
                max_length=10,
                verbose_name="how images are counted",
            ),
        ),
        migrations.AddField(
            model_name="aimodel",
            name="image_side",
            field=models.PositiveIntegerField(
                default=0, verbose_name="side of a tile or patch, in pixels"
            ),
        ),
        migrations.AddConstraint(
            model_name="aimodel",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("image_rule", "unknown"),
                    models.Q(("image_base__gt", 0), ("image_rule", "fixed")),
                    models.Q(
                        ("image_each__gt", 0),
                        ("image_rule__in", ("tiles", "patches")),
                        ("image_side__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="image_rule_has_its_numbers",
            ),
        ),
        migrations.AddConstraint(
            model_name="aimodel",
            constraint=models.CheckConstraint(
                condition=models.Q(("image_most__gt", 0)), name="image_is_never_nothing"
            ),
        ),
    ]
