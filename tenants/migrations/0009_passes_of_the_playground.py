"""Keys that the playground calls with: one for each person and project, renewed again and again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0008_answers_are_remembered"),
    ]

    operations = [
        migrations.AddField("apikey", "is_pass", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "apikey",
            models.UniqueConstraint(
                fields=("organization", "created_by", "project"),
                condition=models.Q(is_pass=True, revoked_at=None),
                name="one_pass_a_person_and_project",
            ),
        ),
    ]
