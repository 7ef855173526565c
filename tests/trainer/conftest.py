"""A tokenizer of whole words, and templates of the kinds in use."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from trainer.tokenise import Tokeniser

WORDS = [
    "<s>", "<e>", "<u>", "user", "assistant", "system", "tool", "Ping", "Pong", "please", "brief",
    "Be", "[", "]", "think", "sum", "{", "}", '"', "a", ":", "1", "5",
]  # fmt: skip
PLAIN = (
    "{% for m in messages %}<s> {{ m.role }} {{ m.content }}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }} "
    "{{ c.function.arguments.a }}{% endfor %}{% endif %} <e> {% endfor %}"
    "{% if add_generation_prompt %}<s> assistant {% endif %}"
)
#: Only the last answer keeps its reasoning, as in templates of models that think.
THINKING = (
    "{% for m in messages %}<s> {{ m.role }} "
    "{% if m.role == 'assistant' and loop.last %}[ think ] {% endif %}{{ m.content }} <e> "
    "{% endfor %}{% if add_generation_prompt %}<s> assistant {% endif %}"
)
REFUSING = "{{ raise_exception('roles must alternate') }}"


@pytest.fixture
def lay(tmp_path):
    """Lay tokenizer and template into a folder; return it."""

    def lay(template=PLAIN):
        vocabulary = {word: number for number, word in enumerate(WORDS)} | {"?": len(WORDS)}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.add_special_tokens([AddedToken(word, special=True) for word in WORDS[:3]])
        tokenizer.enable_truncation(3)
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        settings = {"eos_token": {"content": "<e>"}, "bos_token": "<s>", "chat_template": template}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
        return tmp_path

    return lay


@pytest.fixture
def encode(lay):
    """Encode an example; return the words that are read, and those that are learnt."""

    def encode(example, template=PLAIN, max_length=1000):
        encoded = Tokeniser.of(lay(template)).encode(example, max_length)
        read = [WORDS[number] for number in encoded.input_ids]
        learnt = [WORDS[number] for number in encoded.labels if number >= 0]
        return " ".join(read), " ".join(learnt)

    return encode


def user(content):
    """Return a user's message."""
    return {"role": "user", "content": content}


def assistant(content, **facts):
    """Return an answer."""
    return {"role": "assistant", "content": content, **facts}
