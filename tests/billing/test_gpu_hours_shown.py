"""Hours of GPUs where people and programs read of them: usage, receipts, rehearsals, e-invoices, previews."""

import csv
import io
from decimal import Decimal

import pytest

from billing import rehearsals
from billing.einvoice import facts, rules, xml
from billing.models import InvoiceLine, RehearsedUsage
from common.database import service
from marketplace.errors import UnratablePrice
from marketplace.models import Offer, PriceBook
from marketplace.services import books, drafting
from tests.billing.test_einvoice import broken, paper
from tests.billing.test_gpu_hours import PART, catalogue, clock, held, hourly, meter_key, report
from tests.billing.test_rehearsing import INSIDE, per_unit, rehearse, set_price
from tests.support.people import signed_in

__all__ = ["catalogue", "clock", "hourly", "meter_key", "report"]


def test_the_usage_page_and_its_files_tell_of_time_on_gpus(acme, alice, report, hourly):
    client = signed_in(alice)
    before = client.get("/o/acme/usage/").content.decode()
    report(held(5400, "h1"), held(1, "h2"))

    page = client.get("/o/acme/usage/").content.decode()
    lines = b"".join(client.get("/o/acme/usage.csv?rows=requests").streaming_content).decode()
    sums = b"".join(client.get("/o/acme/usage.csv?rows=sums").streaming_content).decode()
    receipt = client.get("/o/acme/usage/h1/").content.decode()
    told = client.get("/api/v1/organizations/acme/usage").json()

    assert ("GPU-hours" in before, "GPU-hours" in page) == (False, True)
    assert "1.5 h" in page
    assert {it["gpu_seconds"] for it in csv.DictReader(io.StringIO(lines))} == {"5400", "1"}
    assert [it["gpu_seconds"] for it in csv.DictReader(io.StringIO(sums))] == ["5401"]
    assert told["total"]["gpu_seconds"] == 5401
    assert ("5\u202f400 seconds" in receipt, "per GPU-hour" in receipt) == (True, True)


def test_an_electronic_invoice_of_hours_keeps_the_rules_and_counts_them_in_hours():
    invoice, lines = paper()
    lines[0] = InvoiceLine(
        position=1,
        kind="usage",
        part=PART,
        description="atlas-mini · gpu hours",
        quantity=Decimal("24.691111111111"),
        unit_amount=Decimal("2.5"),
        amount=lines[0].amount,
    )

    made = facts.of_invoice(invoice, lines, time_zone="Europe/Paris")

    line = made["BG-25"][0]
    assert (line["BT-130"], line["BT-129"]) == ("HUR", "24.691111111111")
    assert (line["BT-146"], line["BT-149"]) == ("2.5", "1")
    assert broken(made) == []
    assert 'unitCode="HUR"' in xml.ubl(made).decode()
    assert rules._form(made) in rules._looked_at


def test_a_price_of_hours_that_converts_them_is_refused_by_its_field(catalogue):
    mini, standard = Offer.objects.get(name="atlas-mini"), PriceBook.objects.get(code="standard")
    days = per_unit("60", unit_conversion={"operation": "divide", "factor": "24"})

    with service():
        version = drafting.begin(standard, by=None)
        with pytest.raises(UnratablePrice) as refusal:
            books.put(version, mini, {(PART, "standard"): days})

    [reason] = refusal.value.field_errors[PART]
    assert reason == "unit_conversion: hours are converted already, from seconds"


def test_a_rehearsal_rates_the_seconds_of_the_past(acme, clock, hourly):
    mini, standard = Offer.objects.get(name="atlas-mini"), PriceBook.objects.get(code="standard")
    clock(1200, 1, at=INSIDE)
    with service():
        draft = drafting.begin(standard, by=None)
    set_price(draft, mini, PART, per_unit("5"))

    rehearsal = rehearse(draft)

    with service():
        line = RehearsedUsage.objects.get(rehearsal=rehearsal)
        found, told = rehearsals.total(rehearsal), list(rehearsals.as_csv(rehearsal))
    assert (line.tokens, line.is_timed, line.reason) == (1201, True, "")
    assert (line.before, line.after) == (Decimal("0.834027777778"), Decimal("1.668055555556"))
    # Seconds are no tokens.
    assert found.tokens == 0
    assert told[1].startswith("acme,atlas-mini,gpu_hours,standard,1201,EUR,0.834027777778,")


def test_a_preview_rates_seconds_over_the_api(alice):
    client = signed_in(alice)
    asked = {"currency": "EUR", "price": per_unit("2.5"), "quantity": "1200", "part": PART}

    answer = client.post("/api/v1/pricing/preview", asked, content_type="application/json").json()

    assert (answer["total"], answer["total_exact"]) == ("0.83", "0.833333333333")
