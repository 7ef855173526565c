"""What is reserved for a prompt is never less than what a real engine counts for it."""

import json

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway import prompts
from marketplace.models import AIModel

PER_MESSAGE, BASE = (
    AIModel._meta.get_field(f"template_tokens_{name}").default for name in ("per_message", "base")
)
#: Letters of all scripts, signs, emoji and what joins them, marks a template or JSON escapes.
TEXT = st.text(max_size=40) | st.text(
    st.sampled_from("ﷺ👩🏽‍🚀🇰🇿é\u0301\u200d\ufdfa\n\t <|end|>{}\"'\\&ЖЙقا中文"), max_size=40
)
NAME = st.text(st.sampled_from("abcxyz_"), min_size=1, max_size=8)
SCHEMA = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "integer"])})
    | st.fixed_dictionaries({"enum": st.lists(st.integers(0, 9), max_size=9)}),
    lambda inner: st.fixed_dictionaries({"properties": st.dictionaries(NAME, inner, max_size=3)}),
    max_leaves=8,
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": NAME, "description": TEXT, "parameters": SCHEMA}
            ),
        }
    ),
    max_size=3,
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), max_size=3)
CALLED = st.fixed_dictionaries(
    {
        "role": st.just("assistant"),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": NAME,
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries(
                        {"name": NAME, "arguments": st.dictionaries(NAME, TEXT).map(json.dumps)}
                    ),
                }
            ),
            min_size=1,
            max_size=2,
        ),
    }
)
SAID = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
        "content": TEXT | PARTS,
    }
)
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(SAID | CALLED, min_size=1, max_size=5)}, optional={"tools": TOOLS}
)


def deep_tool(levels, numbers):
    """Return a body whose tool is small as it is sent, and large where each number has a line."""
    schema = {"enum": list(range(numbers))}
    for _level in range(levels):
        schema = {"properties": {"a": schema}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    return {"messages": [{"role": "user", "content": "Hello"}], "tools": [tool]}


@example(body=deep_tool(levels=4, numbers=40))
@example(body=deep_tool(levels=10, numbers=300))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES)
def test_the_bound_of_a_prompt_holds(engine, body):
    prompt = prompts.messages(body, PER_MESSAGE, BASE)

    counted = engine.prompt_tokens(body)

    assert prompt.size // 32 <= counted <= prompt.bound
