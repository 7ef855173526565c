"""What is no export, or was made to harm who reads it, is told in one sentence."""

import warnings
import zipfile

import pytest

from tests.verify.exports import (
    text,
)


def test_a_file_is_in_an_archive_once(check, honest, tmp_path):
    place = tmp_path / "export.zip"
    with zipfile.ZipFile(place, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in honest.files().items():
            archive.writestr(name, content)
    assert check.run(place)[0] == 0
    with zipfile.ZipFile(place, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("invoice.json", text(honest.invoice))

    code, told = check.run(place)

    assert code == 2
    assert "a file is in the archive twice" in told


@pytest.mark.parametrize(
    "content",
    ['{"currency": "EUR", "currency": "USD"}', "[" * 200_000, " " * ((1 << 26) + 1)],
)
def test_what_cannot_be_read_is_told_in_one_sentence(check, honest, tmp_path, content):
    check(honest)
    (tmp_path / "export/invoice.json").write_text(content)

    code, told = check.run(tmp_path / "export")

    assert code == 2
    assert told.startswith("NOT CHECKED: ")
    assert told.count("\n") == 1


def test_a_line_has_an_end(check, honest, tmp_path, monkeypatch):
    check(honest)
    monkeypatch.setattr("verify.files.LONGEST_LINE", 100)

    code, told = check.run(tmp_path / "export")

    assert code == 2
    assert "a line of invoice.json is too long" in told


@pytest.mark.parametrize("told", ["a" * 140_000, "a\rb"])
def test_a_table_that_is_none_is_told_in_one_sentence(check, honest, told):
    honest.commitments = [told]

    code, told = check(honest)

    assert code == 2
    assert told.startswith("NOT CHECKED: ")
    assert told.count("\n") == 1


def test_a_packed_file_that_is_broken_is_told_in_one_sentence(check, honest, tmp_path):
    place = tmp_path / "export.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in honest.files().items():
            archive.writestr(name, content)
    packed = bytearray(place.read_bytes())
    at = packed.find(b"invoice.json") + len("invoice.json") + 20
    packed[at : at + 10] = b"\xff" * 10
    place.write_bytes(packed)

    code, told = check.run(place)

    assert code == 2
    assert told.startswith("NOT CHECKED: ")
    assert told.count("\n") == 1


def test_no_text_of_the_file_hides_what_is_told(check, honest):
    honest.invoice["number"] = "T-2\x1b[8m\u202e"

    code, told = check(honest)

    assert code == 0
    assert r"invoice T-2\x1b[8m\u202e: 1 lines" in told
    assert {"\x1b", "\u202e"} & {*told} == set()


def test_a_time_zone_that_this_machine_lacks_is_named(check, honest):
    honest.months[0]["time_zone"] = "Nowhere/Else"

    code, told = check(honest)

    assert code == 2
    assert told == (
        "NOT CHECKED: No time zone found with key Nowhere/Else: if it is one, install the package "
        "tzdata\n"
    )
