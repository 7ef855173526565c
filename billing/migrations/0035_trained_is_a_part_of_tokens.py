"""What a model is trained with is called as usage calls it."""

from django.db import migrations, models

PRICED = [
    ("input", "Input"),
    ("cached_input", "Cached input"),
    ("cache_write", "Cache write"),
    ("image_input", "Image input"),
    ("audio_input", "Audio input"),
    ("output", "Output"),
    ("reasoning", "Reasoning"),
    ("audio_output", "Audio output"),
    ("trained", "Trained tokens"),
    ("gpu_hours", "GPU hours"),
    ("requests", "Requests"),
]


class Migration(migrations.Migration):
    dependencies = [("billing", "0034_lines_of_who_is_paid_for_are_found")]

    operations = [
        migrations.AlterField(
            "rehearsedusage",
            "token_part",
            models.CharField(choices=PRICED, max_length=20),
        ),
    ]
