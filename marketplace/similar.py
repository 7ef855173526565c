"""Models that do what another does: the rule by which a page proposes others.

Only models of the same kind count. Each shared trait brings points, and the three with most are
proposed, best first, by name where they are even:

- modalities: up to 3, by the share of both models' modalities that they have in common;
- the same family: 2;
- features: up to 3, by the share they have in common;
- price: up to 2, by how near the two are: the same price brings 2, half or double of it 1.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from uuid import UUID

from marketplace.listing import Entry, EntryT

MOST = 3
#: Prices are compared for three tokens read and one written, as chats go.
READ, WRITTEN = 3, 1


def to(own: Sequence[Entry], entries: Iterable[EntryT]) -> list[EntryT]:
    """Return the entries nearest to a model whose offers are ``own``; of each model one."""
    if not own:
        return []
    first = own[0]
    scores: dict[UUID, tuple[float, str, EntryT]] = {}
    for entry in entries:
        if entry.model.pk != first.model.pk and entry.model.kind == first.model.kind:
            scores.setdefault(entry.model.pk, (-score(first, entry), entry.name, entry))
    return [entry for _points, _name, entry in sorted(scores.values(), key=lambda it: it[:2])][
        :MOST
    ]


def score(one: Entry, other: Entry) -> float:
    """Return how many points two offers share, by the rule above."""
    same_family = one.model.family and one.model.family == other.model.family
    return (
        3 * _shared(one.model.modalities, other.model.modalities)
        + (2 if same_family else 0)
        + 3 * _shared(one.model.features, other.model.features)
        + 2 * _nearness(_price(one), _price(other))
    )


def _shared(one: Iterable[str], other: Iterable[str]) -> float:
    first, second = set(one), set(other)
    both = first | second
    return len(first & second) / len(both) if both else 1.0


def _price(entry: Entry) -> Decimal | None:
    if entry.input is None:
        return None
    return READ * entry.input + WRITTEN * (entry.output or Decimal(0))


def _nearness(one: Decimal | None, other: Decimal | None) -> float:
    """Return 1 for the same price, and the smaller one's share of the larger otherwise."""
    if one is None or other is None:
        return 0.0
    least, most = sorted((one, other))
    return float(least / most) if most else 1.0
