"""Before a meter's own name stands whose meter it is: there has to be room for that."""

from django.db import migrations, models

SOURCE = models.CharField(max_length=120)


class Migration(migrations.Migration):
    dependencies = [("metering", "0005_months_are_dropped")]

    operations = [
        migrations.AlterField(model_name=model, name="source", field=SOURCE)
        for model in ("usageconflict", "usageevent", "usageeventkey")
    ]
