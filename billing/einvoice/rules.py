"""Whether a document keeps EN 16931, before it gets its number.

The sums are checked for every document here, in plain decimals. The sheets look at what stands
where: that depends on the form of a document and not on its amounts, so each form is looked at
once per process. That takes a second and is done under no lock: ``broken`` only remembers, and
asks by :class:`NotLookedAt` for what ``look`` finds out.
"""

import threading
from collections.abc import Sequence
from decimal import Decimal

from billing.einvoice import xml
from billing.einvoice.facts import Facts
from billing.einvoice.sheets import Failure, failures
from common.money import round_to_minor

#: A number for what has none yet.
PENDING = "PENDING-1"
#: How many forms are remembered; a seller has a few dozen.
MOST_FORMS = 10_000
_looking = threading.Lock()
_looked_at: dict[tuple[object, ...], tuple[Failure, ...]] = {}


class NotLookedAt(Exception):
    """The sheets have not seen documents of these forms yet."""

    def __init__(self, *documents: Facts) -> None:
        super().__init__("not looked at")
        self.documents = documents


def broken(facts: Facts) -> list[Failure]:
    """Return the rules that the document would break, as far as its form was looked at before."""
    facts = {"BT-1": PENDING} | facts
    if found := _sums(facts):
        return found
    form = _form(facts)
    if form not in _looked_at:
        raise NotLookedAt(facts)
    return list(_looked_at[form])


def look(*documents: Facts) -> None:
    """Hold the forms of documents whose sums are right against the sheets, in their process."""
    pending = [{"BT-1": PENDING} | facts for facts in documents]
    forms = {_form(facts): facts for facts in pending if not _sums(facts)}
    # One at a time: ten at once were seen to take forty seconds each, and one takes one.
    with _looking:
        new = {form: facts for form, facts in forms.items() if form not in _looked_at}
        if len(_looked_at) + len(new) > MOST_FORMS:
            _looked_at.clear()
        _looked_at.update(zip(new, map(tuple, _failures(list(new.values()))), strict=True))


def _failures(documents: Sequence[Facts]) -> list[list[Failure]]:
    """Return the rules that each document breaks; all are looked at by one process."""
    broken: list[list[Failure]] = []
    written: list[dict[str, bytes]] = []
    for facts in documents:
        try:
            written.append({"factur-x": xml.facturx(facts), "ubl": xml.ubl(facts)})
            broken.append([])
        except xml.NotWritable as error:
            written.append({})
            broken.append([Failure("XML", str(error))])
    found = failures(written)
    return [[*unwritable, *failed] for unwritable, failed in zip(broken, found, strict=True)]


def _sums(facts: Facts) -> list[Failure]:
    number = {name: Decimal(facts.get(name, "0")) for name in SUMS}
    [tax] = facts["BG-23"]
    currency = facts["BT-5"]
    lines = sum((Decimal(line["BT-131"]) for line in facts["BG-25"]), Decimal(0))
    due = round_to_minor(Decimal(tax["BT-116"]) * Decimal(tax["BT-119"]) / 100, currency)
    checks = {
        "BR-16": (bool(facts["BG-25"]), "An invoice has at least one line."),
        "BR-CO-10": (number["BT-106"] == lines, "The sum of the lines is not their sum."),
        "BR-CO-13": (number["BT-109"] == lines, "The net total is not the sum of the lines."),
        "BR-CO-14": (number["BT-110"] == Decimal(tax["BT-117"]), "The VAT is not its breakdown."),
        "BR-CO-15": (
            number["BT-112"] == number["BT-109"] + number["BT-110"],
            "The total is not net and VAT together.",
        ),
        "BR-CO-16": (
            number["BT-115"] == number["BT-112"] - number["BT-113"],
            "What is due is not the total less what is paid.",
        ),
        "BR-CO-17": (
            Decimal(tax["BT-117"]) == due or facts["BT-3"] != "380",
            "The VAT is not the net sum at its rate.",
        ),
    }
    return [Failure(code, words) for code, (holds, words) in checks.items() if not holds]


SUMS = ("BT-106", "BT-109", "BT-110", "BT-112", "BT-113", "BT-115")


def _form(facts: Facts) -> tuple[object, ...]:
    [tax] = facts["BG-23"]
    buyer = facts["BG-7"]
    lines = {
        (
            line["BT-129"].startswith("-"),
            line["BT-131"].startswith("-"),
            bool(Decimal(line["BT-131"])),
            bool(line["BT-153"]),
        )
        for line in facts["BG-25"]
    }
    return (
        tuple(sorted((name, str(value)) for name, value in facts["BG-4"].items())),
        buyer["country_code"],
        buyer.get("vat_identifier", "")[:2],
        tuple(sorted((name, bool(value)) for name, value in buyer.items())),
        tuple(sorted(facts)),
        facts["BT-3"],
        facts["BT-5"],
        facts["BT-81"],
        facts.get("BT-84", ""),
        facts["BT-115"].startswith("-"),
        bool(Decimal(facts["BT-115"])),
        tax["BT-118"],
        tax["BT-119"],
        tax.get("BT-120", ""),
        frozenset(lines),
    )
