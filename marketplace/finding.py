"""Finding models by words: PostgreSQL's full text over those of everybody, plain words over others."""

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.conf import settings
from django.utils import translation

from common.database import rows
from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.listing import Entry, ModelFacts
from marketplace.models import AIModel

#: How PostgreSQL finds the stems of a reader's words; of other languages it takes them as they are.
STEMMERS = {"en": "english", "fr": "french", "ar": "arabic", "ru": "russian"}
#: So many words are looked for; whoever pastes a page finds by how it begins.
MOST_WORDS = 8
#: From how many letters on the beginning of a word is taken for a language's or a feature's name.
LEAST_LETTERS = 3
KINDS = {"language": LANGUAGES, "feature": FEATURES, "modality": MODALITIES}
#: Arabic vowels and the stroke that only stretches a word.
UNWRITTEN = re.compile("[\u0300-\u036f\u0640\u064b-\u065f\u0670]")
RANKED = """
SELECT w.model_id, ts_rank(w.document, q.query) AS rank
FROM marketplace_modelwords w,
    marketplace_sought(%(words)s, %(names)s, %(stemmer)s::regconfig) AS q(query)
WHERE w.document @@ q.query
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Which models have all the words, and how well each fits."""

    text: str
    ranks: Mapping[UUID, float]

    def __str__(self) -> str:
        return self.text

    def has(self, entry: Entry) -> bool:
        """Whether the words lead to this offer's model."""
        return entry.model.pk in self.ranks or _says(entry.model, entry.api_name, self.text)

    def rank(self, entry: Entry) -> float:
        """Return how well the model fits; a private one comes first: who looks for it means it."""
        return self.ranks.get(entry.model.pk, 1.0)


def search(text: str) -> Found:
    """Return the models whose name, publisher, family, card, languages or features have the words.

    Each word is found by how it begins, and by its stem in the reader's language and in English.
    """
    words = _words(text)
    if not words:
        return Found(text, {})
    language = (translation.get_language() or "en").split("-")[0]
    stemmer = STEMMERS.get(language, "simple")
    facts = {"words": words, "names": [_named(it) for it in words], "stemmer": stemmer}
    return Found(text, {it["model_id"]: it["rank"] for it in rows(RANKED, facts)})


def _words(text: str) -> list[str]:
    return _words_of(text)[:MOST_WORDS]


def _folded(text: str) -> str:
    """Return the text as ``marketplace_folded`` has it in the database."""
    return UNWRITTEN.sub("", unicodedata.normalize("NFKD", text.lower()))


def _says(model: AIModel | ModelFacts, api_name: str, text: str) -> bool:
    """Whether a model that not everybody sees has the words: the database keeps none of those."""
    if model.owner_id is None and not model.is_restricted:
        return False
    said = (model.name, api_name, model.family, model.publisher.name, model.summary, model.card)
    translated = (text for texts in model.translations.values() for text in texts.values())
    names = {f"'{kind}:{key}'" for kind, keys in _keys(model).items() for key in keys}
    return has_all(" ".join((*said, *translated)), text, names)


def has_all(said: str, text: str, names: Set[str] = frozenset()) -> bool:
    """Whether each word that is looked for begins a word that is said, or names one of ``names``.

    No word is nowhere.
    """
    present, words = _words_of(said), _words(text)
    return bool(words) and all(
        any(it.startswith(word) for it in present) or _names_any(word, names) for word in words
    )


def _keys(model: AIModel | ModelFacts) -> dict[str, list[str]]:
    return {"language": model.languages, "feature": model.features, "modality": model.modalities}


def _names_any(word: str, names: Set[str]) -> bool:
    return bool(names) and not names.isdisjoint(_named(word).split(" | "))


def _words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _folded(text))


@cache
def _names() -> list[tuple[str, str]]:
    """Return what languages, features and modalities are called in each language, with their key."""
    found = set()
    for language, _label in settings.LANGUAGES:
        with translation.override(language):
            found |= {
                (word, f"'{kind}:{key}'")
                for kind, pairs in KINDS.items()
                for key, label in pairs
                for word in _words_of(str(label))
            }
    return sorted(found)


def _named(word: str) -> str:
    """Return what the word may name, as PostgreSQL asks for it; nothing where it names nothing."""
    if len(word) < LEAST_LETTERS:
        return ""
    return " | ".join(sorted({key for name, key in _names() if name.startswith(word)}))
