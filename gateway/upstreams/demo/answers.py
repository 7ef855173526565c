"""What the simulator says: it repeats the question and adds sentences that share words with it."""

import functools
import itertools
import re
import zlib
from collections import Counter

from gateway.upstreams.demo import tokenizer, tokens
from gateway.upstreams.demo.phrases import PHRASES, THOUGHTS

#: The question is quoted up to so many tokens.
QUOTED = 24
#: Sentences are added until the answer has so many tokens.
ENOUGH = 45
#: The same for a question that asks for a long answer: long enough to stop it on its way.
LONG = 300
#: Words are alike when they begin alike: token, tokens.
STEM = 5

_AT_LENGTH = re.compile(
    r"\bat length\b|\blong (answer|essay|story|text)\b"
    r"|\blonguement\b|\blong(ue)? (histoire|réponse|texte)\b"
    r"|подробно|длинн\w+ (истори|ответ|рассказ|текст)"
    r"|ұзақ (әңгіме|жауап|мәтін)"
    r"|بالتفصيل|(إجابة|جوابا|قصة|نصا) (طويلة|طويلا)",
    re.I,
)
_WORD = re.compile(r"\w{4,}")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_KAZAKH = re.compile(r"[әғқңөұүһіӘҒҚҢӨҰҮҺІ]")
_FRENCH = re.compile(r"\b(le|la|les|des|une|est|que|qui|quel|quelle|comment|bonjour)\b", re.I)


def language(text: str) -> str:
    """Return the language to answer in, by script and a few words; English when in doubt."""
    if _ARABIC.search(text):
        return "ar"
    if _CYRILLIC.search(text):
        return "kk" if _KAZAKH.search(text) else "ru"
    return "fr" if _FRENCH.search(text) else "en"


def is_long(question: str) -> bool:
    """Tell whether a question asks for a long answer."""
    return bool(_AT_LENGTH.search(question))


@functools.lru_cache(maxsize=2048)
def answer(question: str, variant: int = 0, *, from_tool: bool = False) -> str:
    """Return the same answer for the same question and variant."""
    phrases = PHRASES[language(question)]
    quoted = quote(question)
    opening = phrases.tool_said if from_tool else phrases.asked
    said = [opening.format(text=quoted) if quoted else phrases.asked_nothing]
    length, enough = tokenizer.count(said[0]), LONG if is_long(question) else ENOUGH
    # A language in which little can be said says it again.
    for sentence in itertools.cycle(_ranked(question, variant)):
        if length >= enough:
            break
        said.append(sentence)
        length += tokenizer.count(sentence)
    return " ".join([*said, phrases.closing])


def brief(question: str, variant: int = 0) -> str:
    """Return one sentence, for a field of a JSON answer."""
    return next(iter(_ranked(question, variant)))


def quote(text: str) -> str:
    """Return the beginning of a text, on one line."""
    flat = " ".join(text[: QUOTED * tokenizer.LONGEST].split())
    run = tokens.of(flat)
    return flat if len(run) <= QUOTED else run.first(QUOTED).text.rstrip("\ufffd") + "…"


def thoughts(number: int) -> str:
    """Return so many sentences of a reasoning model's thinking."""
    return " ".join(THOUGHTS[place % len(THOUGHTS)] for place in range(number))


def _ranked(question: str, variant: int) -> list[str]:
    asked = _stems(question)
    seed = zlib.crc32(f"{variant}:{question}".encode())
    code = language(question)
    weights = _weights(code)
    return sorted(
        sentences(code),
        key=lambda line: (
            -sum(weights[stem] for stem in asked & _stems(line)),
            zlib.crc32(line.encode(), seed),
        ),
    )


@functools.cache
def sentences(code: str) -> list[str]:
    """Return what can be said in a language."""
    return (tokenizer.CORPUS / f"{code}.txt").read_text("utf-8").splitlines()


@functools.cache
def _weights(code: str) -> dict[str, float]:
    """Return how much it means that a sentence has a word: the rarer, the more."""
    found = Counter(stem for line in sentences(code) for stem in _stems(line))
    return {stem: 1 / number for stem, number in found.items()}


@functools.lru_cache(maxsize=2048)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:STEM] for word in _WORD.findall(text.lower()))
