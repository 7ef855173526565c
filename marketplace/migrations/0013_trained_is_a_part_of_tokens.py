"""What a model is trained with is a part of tokens, and is called as usage calls it."""

from django.db import migrations, models

TOKENS = [
    ("input", "Input"),
    ("cached_input", "Cached input"),
    ("cache_write", "Cache write"),
    ("image_input", "Image input"),
    ("audio_input", "Audio input"),
    ("output", "Output"),
    ("reasoning", "Reasoning"),
    ("audio_output", "Audio output"),
    ("trained", "Trained tokens"),
]
PRICED = [*TOKENS, ("gpu_hours", "GPU hours"), ("requests", "Requests")]
# Prices are never changed: here one word is, and nothing that they say. Nobody was charged by it.
RENAME = """
ALTER TABLE marketplace_price DISABLE TRIGGER marketplace_price_is_history;
ALTER TABLE marketplace_draftprice DISABLE TRIGGER marketplace_draft_is_of_a_draft;
ALTER TABLE marketplace_price NO FORCE ROW LEVEL SECURITY;
UPDATE marketplace_price SET token_part = '{after}' WHERE token_part = '{before}';
UPDATE marketplace_draftprice SET token_part = '{after}' WHERE token_part = '{before}';
ALTER TABLE marketplace_price FORCE ROW LEVEL SECURITY;
ALTER TABLE marketplace_draftprice ENABLE TRIGGER marketplace_draft_is_of_a_draft;
ALTER TABLE marketplace_price ENABLE TRIGGER marketplace_price_is_history;
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0012_when_a_model_was_deprecated")]

    operations = [
        *(
            migrations.AlterField(
                table, "token_part", models.CharField(choices=choices, max_length=20)
            )
            for table, choices in (
                ("price", PRICED),
                ("draftprice", PRICED),
                ("tokenweight", TOKENS),
            )
        ),
        migrations.RunSQL(
            RENAME.format(before="trained_tokens", after="trained"),
            RENAME.format(before="trained", after="trained_tokens"),
        ),
    ]
