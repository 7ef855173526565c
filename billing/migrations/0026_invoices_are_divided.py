"""Invoices can be divided by cost centre too; customers keep their cost centres themselves."""

from django.db import migrations, models

WRITTEN = """
GRANT INSERT, UPDATE, DELETE ON billing_costcentre, billing_costcentreproject TO tessera_app;
"""
AS_BEFORE = """
REVOKE INSERT, UPDATE, DELETE ON billing_costcentre, billing_costcentreproject FROM tessera_app;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0025_disputes_begin_open")]

    operations = [
        migrations.AlterField(
            model_name="billingprofile",
            name="split_by",
            field=models.CharField(
                choices=[
                    ("none", "Not at all"),
                    ("project", "Project"),
                    ("centre", "Cost centre"),
                    ("key", "Key"),
                ],
                default="none",
                max_length=10,
                verbose_name="divide invoices by",
            ),
        ),
        migrations.RunSQL(WRITTEN, AS_BEFORE),
    ]
