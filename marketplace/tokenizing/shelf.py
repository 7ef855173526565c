"""The tokenizers that the process which counts has read, in the format of Hugging Face's library."""

import hashlib
from collections import OrderedDict
from pathlib import Path

from tokenizers import Tokenizer

#: So many are kept; the longest unused is forgotten first.
MOST = 4


class Shelf:
    """Reads a file when it is first asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Tokenizer] = OrderedDict()

    def of(self, path: str, sha256: str) -> Tokenizer:
        """Return the tokenizer of a file; raises ``ValueError`` when it is not the one, or is none."""
        if sha256 not in self._known:
            while len(self._known) >= MOST:
                self._known.popitem(last=False)
            self._known[sha256] = read(Path(path).read_bytes(), sha256)
        self._known.move_to_end(sha256)
        return self._known[sha256]


def read(content: bytes, sha256: str) -> Tokenizer:
    """Return the tokenizer, set to count every token of any text; ``ValueError`` says what is wrong."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("this is not the file that was attached")
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except BaseException as error:
        # The library tells what is wrong by bare exceptions, and some of its faults are panics.
        raise ValueError(str(error)) from error
    # Files carry what their makers trained with: texts cut short, or filled up, count otherwise.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # What looks like a special token in a caller's text is text, for engines that see it so.
    tokenizer.encode_special_tokens = True
    if getattr(tokenizer.model, "dropout", None):
        tokenizer.model.dropout = None
    return tokenizer


def count(tokenizer: Tokenizer, text: str) -> int:
    """Return how many tokens a text is."""
    return len(tokenizer.encode(text, add_special_tokens=False).ids)
