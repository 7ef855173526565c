"""Batches have prices of their own: half of each price that holds or will hold."""

from typing import Any

from django.db import migrations, models
from django.db.models import F, Q
from django.utils import timezone

from common.ids import uuid7
from marketplace.models.prices import halved

OVERLAP = """
ALTER TABLE marketplace_price DROP CONSTRAINT prices_never_overlap;
ALTER TABLE marketplace_price ADD CONSTRAINT prices_never_overlap EXCLUDE USING gist (
    marketplace_uuid_range(book_id, book_id, '[]') WITH &&,
    marketplace_uuid_range(offer_id, offer_id, '[]') WITH &&,
    marketplace_text_range(token_part, token_part, '[]') WITH &&,
    marketplace_text_range(service_tier, service_tier, '[]') WITH &&,
    tstzrange(effective_from, effective_until, '[)') WITH &&
);
"""


def give_twins(apps: Any, schema_editor: Any) -> None:
    """Write the batch's price beside each that has not ended."""
    prices = apps.get_model("marketplace", "Price").objects.using(schema_editor.connection.alias)
    lasting = Q(effective_until=None) | Q(effective_until__gt=timezone.now())
    kept = Q(effective_until=None) | Q(effective_until__gt=F("effective_from"))
    for price in list(prices.filter(lasting, kept, service_tier="standard")):
        prices.create(
            id=uuid7(),
            book_id=price.book_id,
            offer_id=price.offer_id,
            token_part=price.token_part,
            service_tier="batch",
            definition=halved(price.definition),
            effective_from=price.effective_from,
            effective_until=price.effective_until,
        )


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0003_lives_and_reachability")]

    operations = [
        migrations.AddField(
            model_name="price",
            name="service_tier",
            field=models.CharField(
                choices=[("standard", "Standard"), ("batch", "Batch")],
                default="standard",
                max_length=10,
            ),
        ),
        migrations.RunSQL(OVERLAP, migrations.RunSQL.noop),
        migrations.RunPython(give_twins, migrations.RunPython.noop),
    ]
