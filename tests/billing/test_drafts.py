"""A usage invoice as a pure function."""

from decimal import Decimal

from billing import periods
from billing.drafts import UsedTokens, usage_draft

USED = [
    UsedTokens("llama", "input", 1_000_001, Decimal("0.0000005")),
    UsedTokens("llama", "output", 3, Decimal("0.0015")),
]


def made(uncovered):
    return usage_draft(
        USED,
        uncovered=Decimal(uncovered),
        currency="EUR",
        tax_rate=Decimal("0.2"),
        coverage_label="Prepaid",
    )


def test_lines_are_rounded_half_up_once_and_the_difference_is_told():
    draft = made("0.5045005")

    assert [line.amount for line in draft.lines] == [Decimal("0.50"), Decimal("0.00")]
    assert draft.usage == Decimal("0.5045005")
    assert draft.rounding == Decimal("-0.0045005")
    assert (draft.net, draft.tax, draft.total) == (
        Decimal("0.50"),
        Decimal("0.10"),
        Decimal("0.60"),
    )


def test_usage_that_credit_paid_for_leaves_nothing_due():
    draft = made("0")

    assert [line.kind for line in draft.lines] == ["usage", "usage", "prepaid"]
    assert draft.exact_net == 0
    assert draft.total == 0


def test_a_month_begins_and_ends_in_the_billing_time_zone():
    march = periods.parse("2026-03", "Europe/Paris")

    assert march.start.isoformat() == "2026-02-28T23:00:00+00:00"
    assert march.end.isoformat() == "2026-03-31T22:00:00+00:00"
