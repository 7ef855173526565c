from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0039_ways_are_agreed_to_with_their_address")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="claimed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
