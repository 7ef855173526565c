"""Whether a file can count for a model, found out in the process that would count with it."""

import io
import subprocess
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from marketplace.errors import BadTokenizer
from marketplace.tokenizing import wire

#: Larger ones are none: those of the largest vocabularies are half of it.
LARGEST = 64_000_000
SECONDS = 30
#: Texts of several scripts. No tokenizer makes nothing of them, or more tokens than there are bytes.
PROBES = (
    "The quick brown fox jumps over the lazy dog, 1234567890 times.",
    "Ein Jäger aus Kurpfalz, der reitet durch den grünen Wald.",
    "الذكاء الاصطناعي السيادي",
    "人工智能模型的词元",
    'fn main() {\n\tprintln!("{}", 42);\n}',
)
#: What stands before a text in some vocabularies.
PREFIX = 2
#: None makes fewer tokens of them than one per so many bytes.
DENSEST = 12


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a tokenizer."""

    vocabulary: int


def check(path: str, sha256: str) -> Facts:
    """Return what is in the file; refuses, with the reason, one that counts wrongly or not at all."""
    answer = _asked(path, sha256)
    if "error" in answer:
        reason = answer["error"]
        raise _refused(_("This is no tokenizer.json: %(reason)s.") % {"reason": reason})
    for text, count in zip(PROBES, answer["counts"], strict=True):
        size = len(text.encode())
        if not max(1, size // DENSEST) <= count <= size + PREFIX:
            facts = {"text": text, "count": count, "size": size}
            raise _refused(
                _("It counts %(count)s tokens in the %(size)s bytes of “%(text)s”.") % facts
            )
    return Facts(answer["vocabulary"])


def _asked(path: str, sha256: str) -> dict[str, Any]:
    question = {"id": 0, "path": path, "sha256": sha256, "texts": list(PROBES)}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            wire.COMMAND,
            cwd=wire.ROOT,
            env=wire.environment(),
            input=wire.frame(question),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(_("It cannot be read within half a minute.")) from error
    answer = wire.receive(io.BytesIO(done.stdout))
    if answer is None:
        # The library fell over, or took more memory than it may.
        raise _refused(_("It cannot be read within a gigabyte of memory."))
    return answer


def _refused(reason: str) -> BadTokenizer:
    return BadTokenizer(reason, field_errors={"file": [reason]})
