from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("front", "0005_links_that_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="statussubscription",
            name="confirmed_as",
            field=models.UUIDField(null=True, unique=True),
        ),
    ]
