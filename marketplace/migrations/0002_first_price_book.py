"""An operator can set prices from the first start: one list of prices in euros stands."""

from typing import Any

from django.db import migrations

from common.ids import uuid7

CURRENCY = "EUR"


def create(apps: Any, schema_editor: Any) -> None:
    """Make the list, unless there is one that applies to everybody in this currency."""
    books = apps.get_model("marketplace", "PriceBook").objects.using(schema_editor.connection.alias)
    if not books.filter(currency=CURRENCY, is_default=True).exists():
        books.create(
            id=uuid7(), code="standard", name="Standard prices", currency=CURRENCY, is_default=True
        )


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0001_initial")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
