"""What a model reads of an example, and what it learns of it."""

import pytest
import time_machine

from tests.trainer.conftest import REFUSING, THINKING, assistant, user
from trainer.errors import BadInput, NoInput
from trainer.tokenise import Tokeniser

DAY = "{{ 'Ping' if strftime_now('%Y') == '2026' else 'Pong' }}"


def test_answers_are_learnt_with_their_ends_and_questions_are_not(encode):
    messages = [user("Ping"), assistant("Pong"), user("Ping please"), assistant("Pong Pong")]

    read, learnt = encode({"messages": messages})

    assert read == (
        "<s> user Ping <e> <s> assistant Pong <e> <s> user Ping please <e> <s> assistant Pong Pong <e>"
    )
    assert learnt == "Pong <e> Pong Pong <e>"


def test_an_answer_without_weight_is_read_and_not_learnt(encode):
    messages = [user("Ping"), assistant("Pong Pong", weight=0), user("Ping"), assistant("Pong")]

    read, learnt = encode({"messages": messages})

    assert read.count("Pong") == 3
    assert learnt == "Pong <e>"


def test_a_call_of_a_tool_is_learnt_and_its_answer_is_not(encode):
    call = {"id": "1", "type": "function", "function": {"name": "sum", "arguments": '{"a": 5}'}}
    messages = [
        user("Ping"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "5"},
        assistant("Pong"),
    ]

    _read, learnt = encode({"messages": messages})

    assert learnt == "sum 5 <e> Pong <e>"


def test_content_in_parts_is_one_text(encode):
    parts = [{"type": "text", "text": "Ping "}, {"type": "text", "text": "please"}]

    read, _learnt = encode({"messages": [user(parts), assistant("Pong")]})

    assert read.startswith("<s> user Ping please <e>")


def test_what_the_template_writes_otherwise_later_is_not_learnt_as_it_was(encode):
    messages = [user("Ping"), assistant("Pong Pong"), user("Ping"), assistant("Pong")]

    read, learnt = encode({"messages": messages}, THINKING)

    assert read.count("think") == 1
    assert learnt == "[ think ] Pong <e>"


def test_a_prompt_and_its_completion(encode):
    assert encode({"prompt": "Ping", "completion": "Pong"}) == ("Ping Pong <e>", "Pong <e>")


def test_what_is_too_long_is_cut_at_its_end(encode):
    read, learnt = encode({"messages": [user("Ping"), assistant("Pong Pong")]}, max_length=7)

    assert (read, learnt) == ("<s> user Ping <e> <s> assistant Pong", "Pong")


def test_the_date_that_a_template_writes_is_always_the_same(lay):
    with time_machine.travel("2031-05-05"):
        later = Tokeniser.of(lay(DAY)).encode({"messages": [user("Ping")]}, 100)

    assert later == Tokeniser.of(lay(DAY)).encode({"messages": [user("Ping")]}, 100)


def test_a_template_that_refuses_is_told_in_its_words(encode):
    with pytest.raises(BadInput, match="roles must alternate"):
        encode({"messages": [user("Ping"), assistant("Pong")]}, REFUSING)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_what_a_base_model_lacks_is_named(lay, name):
    folder = lay()
    (folder / name).unlink()

    with pytest.raises(NoInput, match=f"has no {name}"):
        Tokeniser.of(folder)


def test_a_broken_tokenizer_is_told(lay):
    folder = lay()
    (folder / "tokenizer.json").write_text('{"model": 1}')

    with pytest.raises(NoInput, match="cannot be read"):
        Tokeniser.of(folder)
