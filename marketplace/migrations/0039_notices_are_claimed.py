from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0038_ways_under_four_eyes")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
