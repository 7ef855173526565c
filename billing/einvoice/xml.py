"""The electronic invoice as Factur-X (CII), as UBL, and inside a PDF; checked against the XSD."""

import copy

from billing.einvoice.facts import Facts

LEVEL = "en16931"


class NotWritable(ValueError):
    """What should stand in the file does not fit into its form."""


def facturx(facts: Facts) -> bytes:
    """Return the Factur-X file of profile EN 16931."""
    return _made(facts, "factur-x")


def ubl(facts: Facts) -> bytes:
    """Return the UBL 2.1 invoice or credit note."""
    return _made(facts, "ubl-2.1")


def _made(facts: Facts, flavor: str) -> bytes:
    # The library writes into what it is given. It asks a server of its own for the rule sheets
    # and passes everything where there is none: ``sheets`` runs them instead.
    from facturx import generate_xml  # noqa: PLC0415 - 16 MB that most processes never need

    try:
        made: bytes = generate_xml(
            copy.deepcopy(facts), flavor=flavor, level=LEVEL, check_xsd=True, check_schematron=False
        )
    except Exception as error:
        raise NotWritable(str(error)) from error
    return made


def embed(pdf: bytes, facts: Facts, *, title: str, author: str, language: str) -> bytes:
    """Return the PDF/A-3 with the Factur-X file inside."""
    from facturx import generate_from_binary  # noqa: PLC0415 - as above

    made: bytes = generate_from_binary(
        pdf,
        facturx(facts),
        flavor="factur-x",
        level=LEVEL,
        check_xsd=False,
        check_schematron=False,
        pdf_metadata={
            "author": author,
            "title": title,
            "subject": f"Factur-X {facts['BT-1']}",
            "keywords": "Factur-X",
        },
        lang=language,
    )
    return made
