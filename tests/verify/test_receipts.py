"""Receipts that people kept: proven by themselves, and held against an auditor's export."""

import json

import pytest

from common import merkle
from tests.verify.exports import (
    ACME,
    FIRST,
    HOUR,
    ISSUED,
    KEYS,
    MINUTES,
    NEW_YEAR,
    NOTHING,
    VOLUME,
    export_of,
    line,
    price,
    receipt,
    sealed,
    signed,
    text,
    used,
)  # fmt: skip
from verify import receipt as script

POLICY = {"jurisdiction": "US"}


def proof(chain, place=0):
    """Return the proof of the only receipt of an hour."""
    hour = chain.hours[place]
    its = json.loads(hour["document"])["hour"]
    found = next(it for it in chain.receipts if it["recorded_at"][:13] == its[:13])
    return {
        "document": text(found), "path": [], "organization": hour["document"],
        "organization_path": hour["path"],
        "seal": next(it for it in chain.seals if it["number"] == hour["seal"]),
    }  # fmt: skip


@pytest.fixture
def chain():
    """Seal a receipt of an hour of the new year."""
    facts = {"policy": POLICY, "project_id": "p", "outcome": "ok", "streamed": False}
    return sealed([receipt("a1", NEW_YEAR + HOUR + MINUTES, **facts)], [price()])


@pytest.fixture
def prove(tmp_path, capsys, monkeypatch):
    """Run the script; answers what it tells, or why nothing is proven."""

    def prove(shown, *pages):
        names = ["receipt.json", "keys.json", *(f"{place}.json" for place in range(len(pages)))]
        for name, facts in zip(names, (shown, KEYS, *pages), strict=True):
            (tmp_path / name).write_text(text(facts))
        try:
            script.main(*(str(tmp_path / name) for name in names))
        except script.NotProven as problem:
            return str(problem)
        return capsys.readouterr().out

    return prove


def shown(chain, **facts):
    """Return a receipt as the gateway answers it."""
    return {
        "object": "receipt", "sealed": True, "request_id": "a1", "organization_id": ACME,
        "project_id": "p", "jurisdiction": "US", "classification": None, "estimated": False,
        "counted_by": {"prompt": "engine", "completion": "engine"}, "service_tier": "standard",
        "occurred_at": "2026-01-01T01:02:00Z", "amount": "1",
        "lines": [{"part": "input", "tokens": 1000, "price_id": "P", "amount": "1"}],
        "proof": proof(chain),
    } | facts  # fmt: skip


def test_all_that_was_sealed_may_be_shown(chain, prove):
    assert prove(shown(chain)).startswith("proven: request a1 of 2026-01-01T01:02:00.000000Z\n")


@pytest.mark.parametrize(
    "facts",
    [
        {"jurisdiction": "FR"},
        {"classification": "secret"},
        {"occurred_at": "2020-01-01T00:00:00Z"},
        {"counted_by": {"prompt": "us"}},
        {"estimated": True},
        {"service_tier": "batch"},
        {"sealed": False},
        {"object": "invoice"},
        {"another": "name"},
        {"lines": []},
        {"lines": [{"part": "input", "tokens": 1000, "price_id": "Q", "amount": "1"}]},
    ],
)
def test_nothing_else_may_be_shown(chain, prove, facts):
    assert "proven:" not in prove(shown(chain, **facts))


def test_a_chain_has_no_gap_and_the_receipts_seal(chain, prove):
    seals = chain.seals
    its = seals.index(proof(chain)["seal"])

    assert "chain: 3 seals" in prove(shown(chain), {"results": seals[its - 1 : its + 2]})
    assert "is missing: name the pages without a gap" in prove(
        shown(chain), {"results": [seals[0], seals[its]]}
    )
    assert "of the receipt, is not in the pages" in prove(shown(chain), {"results": seals[:2]})
    assert "of the receipt, is not in the pages" in prove(shown(chain), {"results": []})


@pytest.fixture
def audit(check, tmp_path):
    """Check an export with receipts that people kept."""

    def audit(export, *kept):
        check(export)
        files = [tmp_path / f"kept-{place}.json" for place in range(len(kept))]
        for file, facts in zip(files, kept, strict=True):
            file.write_text(text(facts))
        return check.run(tmp_path / "export", *files)

    return audit


def test_a_kept_receipt_is_of_an_hour_that_the_export_has(audit, chain):
    chain = sealed(used(-4, 1, 2, 3, 8), [price()], ISSUED + 3 * HOUR)
    kept = {"request_id": "a2", "proof": proof(chain, 2)}

    code, told = audit(export_of(chain, line("3")), kept)

    assert code == 0, told
    assert "kept receipt a2 of hour 2026-01-01T02:00:00.000000Z of organization acme: the" in told


def forked(mine, other, prices):
    """Seal two texts of each of Acme's hours, one for each of two readers; return what each is shown."""
    chains = [sealed(its, prices, ISSUED + 3 * HOUR) for its in (mine, other)]
    seals, previous = [], NOTHING
    for place in range(len(chains[0].seals)):
        its = [hour for chain in chains for hour in chain.hours if hour["seal"] == place + 1]
        tops = [merkle.leaf(hour["document"].encode()) for hour in its]
        seals.append(signed(place + 1, FIRST + place * HOUR, previous, merkle.root(tops)))
        previous = seals[-1]["hash"]
        for number, hour in enumerate(its):
            steps = merkle.path(tops, number)
            hour["path"] = [{"side": it.side, "hash": it.hash.hex()} for it in steps]
    for chain in chains:
        chain.seals = seals
    return chains


@pytest.mark.parametrize(("place", "problem"), [
    (2, "kept receipt a3 of hour 2026-01-01T03:00:00.000000Z of organization acme: that hour is not"),
    (1, "kept receipt a2 of hour 2026-01-01T02:00:00.000000Z of organization acme: another text"),
])  # fmt: skip
def test_a_second_text_of_an_hour_is_found_by_who_kept_a_receipt(audit, place, problem):
    prices = [price(definition=VOLUME)]
    mine, other = forked(used(1, 2, 3, 8), used(1, 2, 8, model="m", region="y"), prices)
    export = export_of(
        other, line("4", unit_amount="0.002", tier=1, quantity="2000"), prices=prices
    )

    assert audit(export)[0] == 0
    code, told = audit(export, {"proof": proof(mine, place)})

    assert (code, problem in told) == (1, True), told


def test_a_kept_receipt_that_is_forged_differs(audit):
    chain = sealed(used(-4, 1, 2, 3, 8), [price()], ISSUED + 3 * HOUR)
    its = proof(chain, 2)
    its["document"] = its["document"].replace('"amount":"1"', '"amount":"2"')

    code, told = audit(export_of(chain, line("3")), {"proof": its})

    assert (code, "the receipt is not in its hour" in told) == (1, True)
