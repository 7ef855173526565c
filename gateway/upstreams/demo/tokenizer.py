"""The demo engine's tokenizer: byte-level BPE, trained on the corpus of this package.

Training takes a fraction of a second and gives the same vocabulary every time, so a count made
here by another program is the count the engine bills. No token is longer than ``LONGEST`` bytes
and none is empty: a text of n UTF-8 bytes has at least ``n / LONGEST`` and at most n tokens.
"""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

#: Bytes of the longest token.
LONGEST = 16
VOCABULARY = 4096
CORPUS = Path(__file__).with_name("corpus")
#: Counts of short texts are remembered; long ones are not worth the memory.
REMEMBERED = 4096


def corpus() -> list[str]:
    """Return the lines the vocabulary is learnt from, in one fixed order."""
    files = sorted(CORPUS.glob("*.txt"))
    return [line for path in files for line in path.read_text("utf-8").splitlines()]


def train() -> Tokenizer:
    """Return the tokenizer, learnt anew."""
    # One thread: this is short, and workers forked later would warn about the others.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        # So little text has each of its words once or twice; learning them all gives about four
        # letters a token, as real vocabularies have.
        min_frequency=1,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=LONGEST,
    )
    made.train_from_iterator(corpus(), trainer)
    return made


class Vocabulary:
    """The one tokenizer of this process: read from a folder, or learnt when first needed."""

    def __init__(self) -> None:
        self._tokenizer: Tokenizer | None = None

    def prepare(self, folder: Path) -> None:
        """Read the tokenizer from the folder, or learn it and leave it there for the next start."""
        path = folder / f"tokenizer-{fingerprint()}.json"
        try:
            self._tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            self._learn_and_keep(path)
        except Exception:  # noqa: BLE001 - the library raises nothing narrower for a damaged file
            self._learn_and_keep(path)

    def _learn_and_keep(self, path: Path) -> None:
        self._tokenizer = train()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place, so that a start cut short leaves no half file.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as f:
            f.write(self._tokenizer.to_str())
        Path(f.name).replace(path)

    @property
    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer."""
        if self._tokenizer is None:
            self._tokenizer = train()
        return self._tokenizer


_vocabulary = Vocabulary()
prepare = _vocabulary.prepare


@functools.cache
def fingerprint() -> str:
    """Return a name that changes with whatever changes the vocabulary."""
    recipe = [tokenizers.__version__, str(LONGEST), str(VOCABULARY), *corpus()]
    return hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:16]


def encode(text: str) -> list[int]:
    """Return the tokens of a text; what the text looks like never makes a special token."""
    return _vocabulary.tokenizer.encode(text, add_special_tokens=False).ids


def decode(ids: list[int]) -> str:
    """Return the text of tokens; bytes that are no character become U+FFFD."""
    return b"".join(map(token_bytes, ids)).decode("utf-8", "replace")


def size() -> int:
    """Return how many different tokens there are; they are numbered from 0."""
    return _vocabulary.tokenizer.get_vocab_size()


def count(text: str) -> int:
    """Return how many tokens a text is."""
    return _count_short(text) if len(text) <= REMEMBERED else len(encode(text))


@functools.lru_cache(maxsize=REMEMBERED)
def _count_short(text: str) -> int:
    return len(encode(text))


@functools.cache
def token_bytes(token: int) -> bytes:
    """Return the bytes a token stands for."""
    written = _vocabulary.tokenizer.id_to_token(token)
    if written is None:
        raise ValueError(f"there is no token {token}")
    return bytes(_byte_of_character()[character] for character in written)


@functools.cache
def _byte_of_character() -> dict[str, int]:
    """Return what byte-level BPE writes for each byte: itself where printable, else U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}
