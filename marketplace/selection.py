"""Choosing among what is on sale: what fits all conditions, and what comes nearest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any, Generic

from django.http import QueryDict

from common import paging
from marketplace import finding
from marketplace.forms.filters import FilterForm
from marketplace.listing import Entry, EntryT

#: How many are shown when nothing fits.
NEAREST = 3
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter that is set: what it asks, in words, and the catalogue's address without it."""

    name: str
    value: Any
    words: str
    address_without: str

    def fits(self, entry: Entry) -> bool:
        """Whether the offer meets it."""
        return TESTS[self.name](entry, self.value)


@dataclass(frozen=True, slots=True)
class Near(Generic[EntryT]):
    """An offer that does not fit, and the conditions that keep it out."""

    entry: EntryT
    unmet: list[Condition]


TESTS: dict[str, Callable[[Entry, Any], bool]] = {
    "q": lambda entry, found: found.has(entry),
    "kind": lambda entry, kind: entry.model.kind == kind,
    "region": lambda entry, code: entry.offer.region_id == code,
    "publisher": lambda entry, slug: entry.model.publisher.slug == slug,
    "licence": lambda entry, licence: entry.model.licence == licence,
    "language": lambda entry, code: code in entry.model.languages,
    "modality": lambda entry, name: name in entry.model.modalities,
    "context": lambda entry, least: entry.model.context_window >= least,
    "price": lambda entry, most: entry.input is not None and entry.input * 1_000_000 <= most,
    "features": lambda entry, name: name in entry.model.features,
}


def conditions(form: FilterForm, address: QueryDict) -> list[Condition]:
    """Return the filters that are set and make sense, in the form's order."""
    found: list[Condition] = []
    for name, value in form.facts().items():
        if name in TESTS and value:
            values = _values(name, value)
            found.extend(_condition(form, address, name, each) for each in values)
    return found


def fitting(entries: Sequence[EntryT], wanted: Sequence[Condition], sort: str = "") -> list[EntryT]:
    """Return the offers that meet all conditions, in the order asked for."""
    found = [entry for entry in entries if all(each.fits(entry) for each in wanted)]
    if sort in MEASURED:
        return sorted(found, key=MEASURED[sort])
    match sort:
        case "price":
            return sorted(found, key=lambda entry: (entry.input is None, entry.input or 0))
        case "context":
            return sorted(found, key=lambda entry: -entry.model.context_window)
        case "answers":
            return sorted(found, key=lambda entry: (entry.output is None, entry.output or 0))
        case "newest":
            return sorted(found, key=_published, reverse=True)
        case "name":
            return found
        case _:
            return _best_first(found, wanted)


def _latency(entry: Entry) -> tuple[bool, int]:
    told = entry.measured.ttft_p95_ms if entry.measured else None
    return told is None, told or 0


def _slowness(entry: Entry) -> tuple[bool, Decimal]:
    told = entry.measured.tokens_per_second if entry.measured else None
    return told is None, -(told or Decimal(0))


#: Orders by what was measured; of what nothing is told comes last.
MEASURED: dict[str, Callable[[Entry], Any]] = {"latency": _latency, "speed": _slowness}


def nearest(entries: Sequence[EntryT], wanted: Sequence[Condition]) -> list[Near[EntryT]]:
    """Return the few offers that miss the fewest conditions, those of a similar name first."""
    text = next((str(each.value) for each in wanted if each.name == "q"), "").casefold()
    near = [Near(entry, [each for each in wanted if not each.fits(entry)]) for entry in entries]
    near.sort(key=lambda it: (len(it.unmet), -_alike(text, it.entry.name.casefold())))
    return near[:NEAREST]


def _values(name: str, value: Any) -> list[Any]:
    """Return what a filter asks for; words are looked for once, not once for each offer."""
    if name == "q":
        return [finding.search(value)]
    return value if isinstance(value, list) else [value]


def _best_first(found: list[EntryT], wanted: Sequence[Condition]) -> list[EntryT]:
    """Return what fits the words best first; without any, all as they are: by name."""
    words = next((it.value for it in wanted if it.name == "q"), None)
    return sorted(found, key=lambda entry: -words.rank(entry)) if words else found


def _condition(form: FilterForm, address: QueryDict, name: str, value: Any) -> Condition:
    field = form.fields[name]
    choices = dict(getattr(field, "choices", ()))
    # Decimal("1") was chosen as "1": compare as the address has it.
    chosen = next((label for key, label in choices.items() if key and key == str(value)), value)
    return Condition(name, value, f"{field.label}: {chosen}", _without(address, name, str(value)))


def _without(address: QueryDict, name: str, value: str) -> str:
    rest = address.copy()
    # Pages of what fits now are not those of what fits then.
    rest.pop(paging.PARAMETER, None)
    rest.setlist(name, [it for it in rest.getlist(name) if name == "features" and it != value])
    for key in list(rest):
        if not any(rest.getlist(key)):
            del rest[key]
    return f"?{rest.urlencode()}" if rest else ""


def _published(entry: Entry) -> datetime:
    return entry.model.published_at or LONG_AGO


def _alike(text: str, name: str) -> float:
    return SequenceMatcher(None, text, name).ratio() if text else 0.0
