"""A key's text can be replaced while the one before it still opens the door for a time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0014_which_link_led_here"),
    ]

    operations = [
        migrations.AddField(
            "apikey", "former_digest", models.BinaryField(max_length=32, null=True, unique=True)
        ),
        migrations.AddField("apikey", "former_prefix", models.CharField(blank=True, max_length=20)),
        migrations.AddField(
            "apikey", "former_last_four", models.CharField(blank=True, max_length=4)
        ),
        migrations.AddField("apikey", "former_until", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "apikey", "former_used_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddConstraint(
            "apikey",
            models.CheckConstraint(
                condition=models.Q(former_digest=None, former_until=None)
                | models.Q(former_digest__isnull=False, former_until__isnull=False, is_pass=False),
                name="former_text_ends",
            ),
        ),
    ]
