"""What people bring is mended by examples: only what was chosen changes, and nothing is made up."""

import io
import json
from collections import Counter

import pytest

from studio.mending import fixes
from studio.mending.mending import Tally, mend
from studio.mending.sources import records
from studio.validation import personal
from studio.validation.chat import problems
from studio.validation.lines import LONGEST
from studio.validation.problems import Unusable
from studio.validation.seen import Seen

CHAT = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
USER, ANSWER = CHAT["messages"]
#: What stands around a private key.
FENCE = "-----{} RSA PRIVATE" + " KEY-----"


def read(content, suffix=".jsonl"):
    """Return the records of a file, decoded."""
    return [json.loads(it) for it in records(io.BytesIO(content), suffix=suffix)]


def mended(example, *codes):
    """Return what becomes of one example."""
    [change] = mend([json.dumps(example).encode()], fixes.chosen(codes), Tally())
    return None if change.after is None else json.loads(change.after)


@pytest.mark.parametrize(
    "example",
    [
        {"prompt": "Q", "completion": "A"},
        {"question": "Q", "answer": "A", "id": 7},
        {"instruction": "Q", "input": "", "output": "A"},
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
    ],
)
def test_what_other_tools_write_becomes_messages(example):
    assert [problem.code for problem in problems(example)] == ["other_format"]
    assert mended(example, "convert") == CHAT


def test_alpaca_joins_what_to_do_and_with_what():
    found = mended({"instruction": "Sum up.", "input": "Long.", "output": "L."}, "convert")

    assert found["messages"][0]["content"] == "Sum up.\n\nLong."


def test_what_the_model_is_told_beforehand_stays():
    found = mended({"system": "Be kind.", "prompt": "Q", "completion": "A"}, "convert")

    assert found["messages"][0] == {"role": "system", "content": "Be kind."}


@pytest.mark.parametrize("example", [CHAT, {"text": "only"}, {"conversations": [1]}, {"prompt": 1}])
def test_what_is_no_known_form_is_left_alone(example):
    assert mended(example, "convert") == example


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("roles", [{**USER, "role": "human"}, {**ANSWER, "role": "gpt"}], [USER, ANSWER]),
        ("roles", [{**USER, "role": "pirate"}], [{**USER, "role": "pirate"}]),
        ("keys", [{**USER, "mood": "x"}, ANSWER], [USER, ANSWER]),
        ("weights", [{**USER, "weight": 1}, {**ANSWER, "weight": True}],
         [USER, {**ANSWER, "weight": 1}]),
        ("weights", [USER, {**ANSWER, "weight": 0.5}], [USER, ANSWER]),
        ("system", [USER, {"role": "system", "content": "S"}, ANSWER],
         [{"role": "system", "content": "S"}, USER, ANSWER]),
        ("answer", [USER, ANSWER, USER], [USER, ANSWER]),
        ("answer", [USER], None),
        ("redact", [{**USER, "content": "Call +44 20 7946 0958"}, ANSWER],
         [{**USER, "content": "Call [phone]"}, ANSWER]),
        ("unusable", [USER], None),
        ("unusable", [USER, ANSWER], [USER, ANSWER]),
    ],
)  # fmt: skip
def test_each_fix_mends_its_own_and_nothing_else(code, before, after):
    found = mended({"messages": before}, code)

    assert found == (None if after is None else {"messages": after})


def test_repeated_examples_are_kept_once_however_their_keys_stand():
    lines = [json.dumps(CHAT).encode(), json.dumps(CHAT, sort_keys=True).encode(), b'{"a": 1}']
    tally = Tally()

    kept = [it.after for it in mend(lines, fixes.chosen(["repeated"]), tally)]

    assert kept == [lines[0], None, lines[2]]
    assert (tally.examples, tally.changed, tally.left_out) == (3, 0, 1)
    assert tally.by_fix == Counter(repeated=1)


def test_what_does_not_change_stays_byte_for_byte():
    line = json.dumps(CHAT, indent=None, separators=(" , ", " : ")).encode()

    [change] = mend([line], fixes.chosen(["roles", "keys", "redact"]), Tally())

    assert (change.before, change.after, change.is_one) == (line, line, False)


@pytest.mark.parametrize("line", [b"{", b'{"a": NaN}', b"[1]", Unusable("x", "y")])
def test_a_line_that_cannot_be_read_is_left_out_with_the_unusable(line):
    [change] = mend([line], fixes.chosen(["unusable"]), Tally())

    assert change.after is None


def test_a_broken_line_stays_until_somebody_leaves_it_out():
    [change] = mend([b"{"], fixes.chosen(["roles"]), Tally())

    assert (change.after, change.is_one) == (b"{", False)


@pytest.mark.parametrize(
    ("found", "offered"),
    [
        ({"other_format"}, ["convert", "system", "answer", "unusable"]),
        ({"invalid_role", "unknown_key"}, ["roles", "keys", "system", "answer", "unusable"]),
        ({"personal_data", "repeated_example"}, ["redact", "repeated"]),
        ({"special_token"}, ["unusable"]),
        ({"too_few_examples"}, []),
        (set(), []),
    ],
)
def test_only_what_helps_is_offered(found, offered):
    assert fixes.offered(found) == offered


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b'{"a": 1}\n{"a": 2}\n', ".jsonl"),
        (b'[{"a": 1},\n {"a": 2}]', ".json"),
        (b'\xef\xbb\xbf [ {"a": 1} , {"a": 2} ] ', ".json"),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n', ".json"),
        ('{"a": 1}\n{"a": 2}\n'.encode("utf-16"), ".jsonl"),
        ('[{"a": 1}, {"a": 2}]'.encode("utf-16"), ".json"),
    ],
)
def test_a_file_is_read_however_its_examples_are_laid_out(content, suffix):
    assert read(content, suffix) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b'q,a\nx,"y,\nz"\n\n', ".csv"),
        (b'q;a\nx;"y,\nz"', ".csv"),
        (b'\xef\xbb\xbfq\ta\nx\t"y,\nz"', ".tsv"),
        ('q,a\nx,"y,\nz"'.encode("utf-16"), ".csv"),
    ],
)
def test_a_table_is_read_by_its_first_row(content, suffix):
    assert read(content, suffix) == [{"q": "x", "a": "y,\nz"}]


def test_pieces_cut_letters_and_examples_anywhere():
    many = [{"a": "é" * number} for number in range(600)]

    assert read(json.dumps(many, ensure_ascii=False).encode(), ".json") == many
    assert read(json.dumps(many, ensure_ascii=False).encode("utf-16"), ".json") == many


@pytest.mark.parametrize(
    ("content", "suffix", "code"),
    [
        (b'[{"a": 1}, nothing]', ".json", "invalid_json"),
        (b'[{"a": 1}', ".json", "invalid_json"),
        (b"[" * 100_000, ".json", "too_deep"),
        (b'["' + b"x" * (LONGEST + 9) + b'"]', ".json", "line_too_long"),
        (b'q,a\n"x"y,z', ".csv", "invalid_table"),
        (b"q,a\n" + b"x" * 200_000 + b",z", ".csv", "invalid_table"),
    ],
)
def test_what_cannot_be_read_any_further_is_said_where_it_is(content, suffix, code):
    *_before, last = records(io.BytesIO(content), suffix=suffix)

    assert last.problem.code == code


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_what_is_no_text_is_refused(suffix):
    with pytest.raises(Unusable, match="UTF-8"):
        read(b'[{"a": "\xff\xfe"}]', suffix)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ann@example.com.", "Write to [e-mail]."),
        ("+7 701 234-56-78 or 0044 20 7946 0958", "[phone] or [phone]"),
        ("IMEI 490154203237518", "IMEI [IMEI]"),
        ("IMSI 401011234567890", "IMSI [IMSI]"),
        ("Pay to DE89 3704 0044 0532 0130 00 today", "Pay to [IBAN] today"),
        ("key sk-proj-abcdefghijklmnopqrstuvwx", "key [secret]"),
        (f"a {FENCE.format('BEGIN')}\nAAAA\n{FENCE.format('END')} b", "a [secret] b"),
        (f"a {FENCE.format('BEGIN')}\nAAAA", "a [secret]"),
        ("Order 123456789 of 2026-03-15 costs 1 000 000", "Order 123456789 of 2026-03-15 costs 1 000 000"),
        ("DE89 3704 0044 0532 0130 01", "DE89 3704 0044 0532 0130 01"),
        ("Dial *100# and 5 minus 3", "Dial *100# and 5 minus 3"),
    ],
)  # fmt: skip
def test_personal_data_is_known_by_its_check_digits(text, redacted):
    assert personal.redacted(text) == redacted
    assert not personal.found(redacted)


def test_thousands_of_examples_are_told_apart():
    seen = Seen()

    assert not any(seen.add({"a": number}) for number in range(5_000))
    assert all(seen.add({"a": number}) for number in range(5_000))
