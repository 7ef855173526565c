"""Pages read usage and never write it."""

from django.db import migrations

from tenants import rls

USAGE = ("usagebucket", "usageconflict", "usageday", "usageevent", "usageeventkey")


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_sums_by_day")]

    operations = [rls.ReadOnlyForApp(f"metering_{table}") for table in USAGE]
