"""What the link that led a founder here ended in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0013_sign_ups_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="signup",
            name="referral",
            field=models.CharField(blank=True, max_length=16),
        ),
    ]
