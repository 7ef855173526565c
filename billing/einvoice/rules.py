"""Whether a document keeps EN 16931, before it gets its number.

The sums are checked for every document here, in plain decimals. The sheets look at what stands
where: that depends on the form of a document and not on its amounts, so each form is looked at
once per process.
"""

from decimal import Decimal

from billing.einvoice import xml
from billing.einvoice.facts import Facts
from billing.einvoice.sheets import Failure, failures
from common.money import minor_digits, round_to_minor

#: A number for what has none yet.
PENDING = "PENDING-1"
#: Rules that count or compare with two decimals; the sums themselves are checked here exactly.
DECIMALS = (
    "BR-DEC-", "BR-S-08", "BR-CO-10", "BR-CO-13", "BR-CO-14", "BR-CO-15", "BR-CO-16", "BR-CO-17",
    "UBL-DT-01",
)  # fmt: skip
TWO = 2
_known_good: set[tuple[object, ...]] = set()


def broken(facts: Facts) -> list[Failure]:
    """Return the rules that the document would break."""
    facts = {"BT-1": PENDING} | facts
    found = _sums(facts)
    form = _form(facts)
    if not found and form not in _known_good:
        found = _looked_at(facts)
        if not found:
            _known_good.add(form)
    return found


def _looked_at(facts: Facts) -> list[Failure]:
    found = failures({"factur-x": xml.facturx(facts), "ubl": xml.ubl(facts)})
    if minor_digits(facts["BT-5"]) > TWO:
        # The standard writes two decimals; an amount of a currency with three is not cut short.
        return [failure for failure in found if not failure.code.startswith(DECIMALS)]
    return found


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
        )
        for line in facts["BG-25"]
    }
    return (
        tuple(sorted((name, str(value)) for name, value in facts["BG-4"].items())),
        buyer["country_code"],
        buyer.get("vat_identifier", "")[:2],
        tuple(sorted(buyer)),
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
