"""What goes back of a bundle that a transfer paid is kept until it is paid out."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0032_contracts_end_under_four_eyes")]

    operations = [
        migrations.AlterField(
            model_name="refund",
            name="status",
            field=models.CharField(
                choices=[
                    ("proposed", "Waits for a second person"),
                    ("approved", "On its way"),
                    ("sent", "Paid back"),
                    ("kept", "Kept for a transfer"),
                    ("failed", "The payment provider refused it"),
                    ("refused", "Refused"),
                ],
                default="proposed",
                max_length=8,
            ),
        ),
    ]
