"""A version that can be taught says where its weights lie."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0013_trained_is_a_part_of_tokens")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="weights",
            field=models.CharField(
                blank=True, default="", max_length=300, verbose_name="address of the weights"
            ),
        ),
    ]
