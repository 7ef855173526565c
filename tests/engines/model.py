"""The engine's model: a random Llama of about 100,000 parameters, built on the spot.

Run with the Python of the engine, which has torch and transformers:

    model.py build HOME     lays the model into the folder as if it had been downloaded
    model.py count HOME     counts the tokens of what stands on each line of its input

It writes words that its tokenizer takes apart exactly as it wrote them, so that text which was
delivered can be counted again. It ends only when a bias on its last token makes it.
"""

import json
import re
import sys
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

NAME = "tessera/tiny"
REVISION = "0" * 40
VOCABULARY = 1200
CONTEXT = 16_384
CORPUS = Path(__file__).parents[2] / "gateway" / "upstreams" / "demo" / "corpus"
BEGIN, START, END_OF_ROLE, END = "<|begin|>", "<|start|>", "<|message|>", "<|end|>"
#: How usual vocabularies cut text: words with the space before them, digits, marks, white space.
PIECES = Regex(r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
WORD = re.compile(r" [a-z]{2,}")
#: Of the kind in use: a text of its own before the first message, tools as indented JSON.
TEMPLATE = """
{{- bos_token + '<|start|>system<|message|>Knowledge ends in December 2025. Answer briefly.' }}
{%- if tools %}
{{- '\n\nYou may call these functions, by one JSON object with a name and its parameters:\n\n' }}
{%- for tool in tools %}{{ tool | tojson(indent=4) }}{{ '\n\n' }}{% endfor %}
{%- endif %}
{{- '<|end|>' }}
{%- for message in messages %}
{{- '<|start|>' + message.role + '<|message|>' }}
{%- if message.tool_calls %}
{%- for call in message.tool_calls %}
{{- '{"name": "' + call.function.name + '", "parameters": ' }}
{{- call.function.arguments | tojson }}
{{- '}' }}
{%- endfor %}
{%- else %}
{{- message.content }}
{%- endif %}
{{- '<|end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant<|message|>' }}{% endif %}
"""


def folder(home: Path) -> Path:
    """Return where a downloaded model would lie."""
    return home / "hub" / ("models--" + NAME.replace("/", "--"))


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level BPE learnt from the demo engine's corpus."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BEGIN, START, END_OF_ROLE, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    lines = (path.read_text("utf-8") for path in sorted(CORPUS.glob("*.txt")))
    made.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=END,
        chat_template=TEMPLATE.strip(),
        clean_up_tokenization_spaces=False,
    )


def words(made: PreTrainedTokenizerFast) -> list[int]:
    """Return the tokens that are one word each, and that a word becomes again."""
    found = {token: made.decode([token]) for token in range(len(made))}
    return [
        token
        for token, text in found.items()
        if WORD.fullmatch(text) and made.encode(text, add_special_tokens=False) == [token]
    ]


def build(home: Path) -> None:
    """Lay model and tokenizer into the folder."""
    made = tokenizer()
    config = LlamaConfig(
        vocab_size=len(made),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.5,
        tie_word_embeddings=False,
        bos_token_id=made.bos_token_id,
        eos_token_id=made.eos_token_id,
        pad_token_id=made.pad_token_id,
    )
    torch.manual_seed(7)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # What is no word, the end included, never has the largest logit.
        kept = torch.zeros(len(made), 1)
        kept[words(made)] = 1
        model.lm_head.weight *= kept
    snapshot = folder(home) / "snapshots" / REVISION
    model.save_pretrained(snapshot)
    made.save_pretrained(snapshot)
    refs = folder(home) / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(REVISION)


def count(home: Path) -> None:
    """Answer each line of JSON, a text or the body of a chat, with its number of tokens."""
    made = AutoTokenizer.from_pretrained(folder(home) / "snapshots" / REVISION)
    for line in sys.stdin:
        asked = json.loads(line)
        if isinstance(asked, str):
            found = made.encode(asked, add_special_tokens=False)
        else:
            found = made.apply_chat_template(
                asked["messages"], tools=asked.get("tools"), add_generation_prompt=True
            )["input_ids"]
        sys.stdout.write(f"{len(found)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    {"build": build, "count": count}[sys.argv[1]](Path(sys.argv[2]))
