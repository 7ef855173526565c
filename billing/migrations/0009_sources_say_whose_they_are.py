"""Before a meter's own name stands whose meter it is: there has to be room for that."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_budgets")]

    operations = [
        migrations.AlterField(
            model_name="ratedusage", name="source", field=models.CharField(max_length=120)
        )
    ]
