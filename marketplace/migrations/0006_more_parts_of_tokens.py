"""What was written into a cache, pictures and sound have prices and weights of their own."""

from django.db import migrations, models

PARTS = [
    ("input", "Input"),
    ("cached_input", "Cached input"),
    ("cache_write", "Cache write"),
    ("image_input", "Image input"),
    ("audio_input", "Audio input"),
    ("output", "Output"),
    ("reasoning", "Reasoning"),
    ("audio_output", "Audio output"),
]


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0005_draining_and_patience")]

    operations = [
        migrations.AlterField(table, "token_part", models.CharField(choices=PARTS, max_length=20))
        for table in ("price", "tokenweight")
    ]
