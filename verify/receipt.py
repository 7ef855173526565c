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
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


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
    """Check that what is shown beside the proof is what was sealed."""
    for name in ("request_id", "organization_id", "project_id", "model", "region", "outcome",
                 "amount", "currency", "paid_by"):  # fmt: skip
        if name in receipt:
            need(receipt[name] == sealed[name], f"what it shows as {name} was not sealed")
    for line in receipt.get("lines", ()):
        part = line["part"]
        need(
            line["tokens"] == sealed["tokens"].get(part, 0)
            and line["amount"] == sealed["amounts"][part],
            f"what it shows of the part {part} was not sealed",
        )


def check_chain(pages: list[dict[str, Any]], keys: dict[str, bytes]) -> dict[int, str]:
    """Return the hashes of the chain by number, once each seal names the one before."""
    seals = {seal["number"]: seal for page in pages for seal in page["results"]}
    for number in sorted(seals):
        said = check_seal(seals[number], keys)
        need(said["number"] == number, f"seal {number} says another number")
        if number - 1 in seals:
            need(
                said["previous"] == seals[number - 1]["hash"],
                f"seal {number} does not name the one before",
            )
    return {number: seal["hash"] for number, seal in seals.items()}


def main(receipt_file: str, keys_file: str, *seal_files: str) -> None:
    """Check the files and tell what is proven."""
    receipt, keys, *pages = (
        json.loads(Path(name).read_text("utf-8")) for name in (receipt_file, keys_file, *seal_files)
    )
    published = public_keys(keys)
    sealed = check_receipt(receipt, published)
    seal = receipt["proof"]["seal"]
    chain = check_chain(pages, published)
    need(chain.get(seal["number"], seal["hash"]) == seal["hash"], "the chain has another seal")
    print(f"proven: request {sealed['request_id']} of {sealed['occurred_at']}")
    print(f"  {sealed['model']} in {sealed['region']}: {sealed['amount']} {sealed['currency']}")
    print(f"  seal {seal['number']}, signed with {seal['key_id']}")
    if pages:
        print(f"  chain: {len(chain)} seals, numbers {min(chain)} to {max(chain)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except NotProven as problem:
        sys.exit(f"NOT PROVEN: {problem}")
    except (KeyError, TypeError, ValueError, OSError) as problem:
        sys.exit(f"NOT PROVEN: a file is not what it should be ({problem!r})")
