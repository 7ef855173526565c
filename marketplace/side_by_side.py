"""Models side by side: up to four that the reader may see, and in what they differ."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from common import languages
from marketplace.forms.words import FEATURES, LANGUAGES, MODALITIES
from marketplace.listing import EntryT
from marketplace.models import AIModel, Offer
from marketplace.showcase import PricedOffer

#: More do not fit beside each other in anybody's mind.
MOST = 4
#: In the address: the name of each model in the API.
PARAMETER = "m"
WORDS = {name: label for pairs in (FEATURES, LANGUAGES, MODALITIES) for name, label in pairs}


@dataclass(frozen=True, slots=True)
class Chosen(Generic[EntryT]):
    """What is compared: the models that the address names, in its order."""

    entries: list[EntryT]
    #: What was asked for beyond the fourth, and what the reader cannot see.
    beyond: list[str]
    unknown: list[str]

    @property
    def names(self) -> list[str]:
        """The names that the address needs."""
        return [entry.api_name for entry in self.entries]

    @property
    def is_full(self) -> bool:
        """Whether no other model can join."""
        return len(self.entries) == MOST


@dataclass(frozen=True, slots=True)
class Cell:
    """What is so of one model; its name stands beside it where there is no room for columns."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One fact of each model, and whether it is not the same of all."""

    label: StrOrPromise
    #: How a value is written: ``text``, ``cost``, ``tokens``, ``limits``, ``day``,
    #: ``milliseconds``, ``number``, ``per_cent``.
    kind: str
    cells: list[Cell]

    @property
    def differs(self) -> bool:
        """Whether two models differ in it."""
        return any(cell.value != self.cells[0].value for cell in self.cells)


def chosen(entries: Sequence[EntryT], names: Sequence[str]) -> Chosen[EntryT]:
    """Return the first four of the models that are named; a model's address names it too."""
    by_name = {entry.slug: entry for entry in reversed(entries)}
    by_name |= {entry.api_name: entry for entry in entries}
    asked = list(dict.fromkeys(filter(None, names)))
    found = list({by_name[it].api_name: by_name[it] for it in asked if it in by_name}.values())
    return Chosen(
        found[:MOST],
        beyond=[entry.name for entry in found[MOST:]],
        unknown=[name for name in asked if name not in by_name],
    )


def toggled(address: QueryDict, name: str) -> str:
    """Return the query of the address with the model taken in, or out where it is in."""
    rest = address.copy()
    names = rest.getlist(PARAMETER)
    rest.setlist(PARAMETER, [it for it in names if it != name])
    if name not in names:
        rest.appendlist(PARAMETER, name)
    return f"?{rest.urlencode()}"


def rows(entries: Sequence[PricedOffer]) -> list[Row]:
    """Return what buyers ask of each model, the same questions of all that one can answer."""
    found = [
        Row(label, kind, [Cell(entry.name, tell(entry)) for entry in entries])
        for label, kind, tell in QUESTIONS
    ]
    return [row for row in found if any(cell.value for cell in row.cells)]


def _said(names: Iterable[str]) -> str:
    return languages.listed(WORDS.get(name, name) for name in names)


def _limits(offer: Offer) -> dict[str, int]:
    return {"rpm": offer.default_rpm, "tpm": offer.default_tpm}


def _last_moment(model: AIModel) -> datetime | None:
    """Return the last moment of its last day, which names the day."""
    return model.retires_at - timedelta(microseconds=1) if model.retires_at else None


def _told(entry: PricedOffer, name: str) -> Any:
    return getattr(entry.measured, name, None)


Question = tuple[StrOrPromise, str, Callable[[PricedOffer], Any]]
QUESTIONS: tuple[Question, ...] = (
    (_("Input"), "cost", lambda it: it.input_price),
    (_("Cached input"), "cost", lambda it: it.cached_price),
    (_("Output"), "cost", lambda it: it.output_price),
    (_("Input in batches"), "cost", lambda it: it.batch_input_price),
    (_("Output in batches"), "cost", lambda it: it.batch_output_price),
    (_("First token, half of the calls"), "milliseconds", lambda it: _told(it, "ttft_p50_ms")),
    (_("First token, 95 of 100 calls"), "milliseconds", lambda it: _told(it, "ttft_p95_ms")),
    (_("Tokens a second"), "number", lambda it: _told(it, "tokens_per_second")),
    (_("Availability in 30 days"), "per_cent", lambda it: _told(it, "availability")),
    (_("Kind"), "text", lambda it: it.model.get_kind_display()),
    (_("Context window"), "tokens", lambda it: it.context_window),
    (_("Longest answer"), "tokens", lambda it: it.model.max_output or None),
    (_("Features"), "text", lambda it: _said(it.model.features)),
    (_("Modalities"), "text", lambda it: _said(it.model.modalities)),
    (_("Languages"), "text", lambda it: _said(it.model.languages)),
    (_("Computed in"), "text", lambda it: f"{it.region} ({it.jurisdiction})"),
    (_("Cleared for data up to"), "text", lambda it: it.model.get_clearance_display()),
    (_("Publisher"), "text", lambda it: it.publisher),
    (_("Family"), "text", lambda it: it.model.family),
    (_("Licence"), "text", lambda it: it.model.licence),
    (_("Country of origin"), "text", lambda it: it.model.origin_name),
    (_("Quantization"), "text", lambda it: it.offer.model_version.quantization),
    (_("Limits for a customer"), "limits", lambda it: _limits(it.offer)),
    (_("Can be called until"), "day", lambda it: _last_moment(it.model)),
)
