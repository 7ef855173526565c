"""A class of models may say what an hour of a GPU counts in its tokens.

More digits of a number rewrite nothing: the type's limit is all that changes.
"""

from django.db import migrations, models

WEIGHED = [
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
]


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0019_changes_under_four_eyes")]

    operations = [
        migrations.AlterField(
            "tokenweight", "token_part", models.CharField(choices=WEIGHED, max_length=20)
        ),
        migrations.AlterField(
            "tokenweight", "weight", models.DecimalField(decimal_places=6, max_digits=18)
        ),
    ]
