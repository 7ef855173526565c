"""A model says how confidential the data may be that it is given."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("marketplace", "0008_how_pictures_and_sound_are_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="aimodel",
            name="clearance",
            field=models.CharField(
                choices=[
                    ("public", "Public"),
                    ("internal", "Internal"),
                    ("confidential", "Confidential"),
                    ("restricted", "Restricted"),
                ],
                default="internal",
                max_length=12,
                verbose_name="cleared for data up to",
            ),
        ),
    ]
