"""An operator can sell from the first start: one legal entity stands, to be edited by staff."""

from typing import Any

from django.conf import settings
from django.db import migrations

from common.ids import uuid7

VAT_RATE = "0.2000"


def create(apps: Any, schema_editor: Any) -> None:
    """Make the first issuer, unless there is one."""
    issuers = apps.get_model("billing", "Issuer").objects.using(schema_editor.connection.alias)
    if not issuers.exists():
        issuers.create(
            id=uuid7(),
            code="tes",
            legal_name=settings.OPERATOR["name"],
            address="",
            country="FR",
            vat_rate=VAT_RATE,
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_orders_and_invoices")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
