"""The file that counts a version's tokens, by its hash."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0010_ends_to_come_can_be_moved"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="tokenizer_sha256",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="tokenizer_filename",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="tokenizer_bytes",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="tokenizer_vocabulary",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("tokenizer_bytes", 0), ("tokenizer_sha256", ""))
                | models.Q(
                    ("tokenizer_bytes__gt", 0), ("tokenizer_sha256__regex", "^[0-9a-f]{64}$")
                ),
                name="tokenizer_whole_or_none",
            ),
        ),
    ]
