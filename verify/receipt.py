#!/usr/bin/env python3
"""Checks, without asking the operator, that a receipt stands as it was sealed.

    python verify/receipt.py receipt.json keys.json [seals.json ...]

``receipt.json`` is what GET /v1/receipts/{id} answers, or "Download the proof" on the page of a
request. ``keys.json`` is /.well-known/receipt-keys.json, which is empty until the first hour is sealed:
keep it from then on, and compare it.
``seals.json``, as many as you like, are pages of GET /api/v1/seals: with them the chain is checked,
too. Needs Python and the package cryptography. docs/receipts tells what the texts mean.
"""

import base64
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: What an answer says of itself.
OF_THE_ANSWER = {"object": "receipt", "sealed": True}
#: What is sealed as the request's policy, and what is shown where that says nothing.
OF_THE_POLICY = {
    "jurisdiction": None,
    "classification": None,
    "estimated": False,
    "counted_by": {"prompt": "engine", "completion": "engine"},
    "service_tier": "standard",
}
#: Instants, however they are written.
MOMENTS = ("occurred_at", "recorded_at")


class NotProven(Exception):
    """What does not hold."""


def need(holds: bool, problem: str) -> None:
    """Stop with the problem unless what it denies holds."""
    if not holds:
        raise NotProven(problem)


def climb(document: str, steps: list[dict[str, str]]) -> str:
    """Return the root that a text and its path come to."""
    found = hashlib.sha256(b"\0" + document.encode()).digest()
    for step in steps:
        beside = bytes.fromhex(step["hash"])
        pair = beside + found if step["side"] == "left" else found + beside
        found = hashlib.sha256(b"\1" + pair).digest()
    return found.hex()


def public_keys(keys: dict[str, Any]) -> dict[str, bytes]:
    """Return the published keys by their names."""
    found = {}
    for key in keys["keys"]:
        public = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        need(hashlib.sha256(public).hexdigest()[:16] == key["kid"], "a key has a wrong name")
        found[key["kid"]] = public
    return found


def check_seal(seal: dict[str, Any], keys: dict[str, bytes]) -> dict[str, Any]:
    """Return what a seal says, once its hash and its signature hold."""
    text = seal["document"]
    need(hashlib.sha256(text.encode()).hexdigest() == seal["hash"], "the seal's hash is wrong")
    said: dict[str, Any] = json.loads(text)
    need(said["key_id"] in keys, f"the key {said['key_id']} is not among the published")
    try:
        key = Ed25519PublicKey.from_public_bytes(keys[said["key_id"]])
        key.verify(base64.b64decode(seal["signature"]), text.encode())
    except InvalidSignature:
        raise NotProven(f"the signature of seal {said['number']} is wrong") from None
    return said


def check_receipt(receipt: dict[str, Any], keys: dict[str, bytes]) -> dict[str, Any]:
    """Return the sealed receipt, once everything from it to the signature holds."""
    proof = receipt.get("proof")
    if not proof:
        raise NotProven("this receipt is not sealed yet")
    sealed: dict[str, Any] = json.loads(proof["document"])
    owner = json.loads(proof["organization"])
    hour = check_seal(proof["seal"], keys)
    need(climb(proof["document"], proof["path"]) == owner["root"], "the receipt is not in its hour")
    need(
        climb(proof["organization"], proof["organization_path"]) == hour["root"],
        "the organization's hour is not in the seal",
    )
    need(owner["hour"] == hour["hour"], "the hours are not the same")
    need(owner["organization_id"] == sealed["organization_id"], "it is somebody else's receipt")
    need(sealed["recorded_at"][:13] == hour["hour"][:13], "it was recorded in another hour")
    compare(receipt, sealed)
    return sealed


def compare(receipt: dict[str, Any], sealed: dict[str, Any]) -> None:
    """Check that what is shown beside the proof is what was sealed: every name of it."""
    for name, shown in receipt.items():
        if name in ("proof", "lines"):
            continue
        same = _instant if name in MOMENTS else _itself
        expected = [same(it) for it in _sealed(name, sealed)]
        need(same(shown) in expected, f"what it shows as {name} was not sealed")
    if "lines" in receipt:
        parts = sorted(line["part"] for line in receipt["lines"])
        need(parts == sorted(sealed["amounts"]), "the parts that it shows are not those sealed")
    for line in receipt.get("lines", ()):
        part = line["part"]
        expected_line = {
            "part": part,
            "tokens": sealed["tokens"].get(part, 0),
            "price_id": sealed["price_ids"].get(part),
            "amount": sealed["amounts"][part],
        }
        need(line == expected_line, f"what it shows of the part {part} was not sealed")


def _sealed(name: str, sealed: dict[str, Any]) -> list[Any]:
    """Return what may be shown by a name; nothing, where nothing was sealed of it."""
    if name in OF_THE_ANSWER:
        return [OF_THE_ANSWER[name]]
    if name in OF_THE_POLICY:
        return [sealed["policy"].get(name, OF_THE_POLICY[name])]
    return [sealed[name]] if name in sealed else []


def _itself(shown: Any) -> Any:
    return shown


def _instant(shown: Any) -> Any:
    return datetime.fromisoformat(shown)


def check_chain(pages: list[dict[str, Any]], keys: dict[str, bytes]) -> dict[int, str]:
    """Return the hashes of the chain by number, once each seal names the one before."""
    seals = {seal["number"]: seal for page in pages for seal in page["results"]}
    first = min(seals, default=0)
    for number in range(first, first + len(seals)):
        need(number in seals, f"seal {number} is missing: name the pages without a gap")
        said = check_seal(seals[number], keys)
        need(said["number"] == number, f"seal {number} says another number")
        need(
            number == first or said["previous"] == seals[number - 1]["hash"],
            f"seal {number} does not name the one before",
        )
    return {number: seal["hash"] for number, seal in seals.items()}


def readable(text: str) -> str:
    """Return a text for a terminal: what would hide or move other text stands as its number."""
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in text)


def tell(text: str) -> None:
    """Print a line."""
    print(readable(text))


def main(receipt_file: str, keys_file: str, *seal_files: str) -> None:
    """Check the files and tell what is proven."""
    receipt, keys, *pages = (
        json.loads(Path(name).read_text("utf-8")) for name in (receipt_file, keys_file, *seal_files)
    )
    published = public_keys(keys)
    sealed = check_receipt(receipt, published)
    seal = receipt["proof"]["seal"]
    chain = check_chain(pages, published)
    if pages:
        need(seal["number"] in chain, f"seal {seal['number']}, of the receipt, is not in the pages")
        need(chain[seal["number"]] == seal["hash"], "the chain has another seal")
    tell(f"proven: request {sealed['request_id']} of {sealed['occurred_at']}")
    tell(f"  {sealed['model']} in {sealed['region']}: {sealed['amount']} {sealed['currency']}")
    tell(f"  seal {seal['number']}, signed with {seal['key_id']}")
    if pages:
        tell(f"  chain: {len(chain)} seals, numbers {min(chain)} to {max(chain)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except NotProven as problem:
        sys.exit(readable(f"NOT PROVEN: {problem}"))
    except (KeyError, TypeError, ValueError, OSError) as problem:
        sys.exit(readable(f"NOT PROVEN: a file is not what it should be ({problem!r})"))
