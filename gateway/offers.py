"""What can be called, at which price: the marketplace's snapshot, at most five seconds old."""

import asyncio
import threading
import time
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from common.database import service
from gateway import policy
from gateway.errors import BooksAway, NotFound, Unavailable
from gateway.keys import Caller
from marketplace import queries
from marketplace.queries import OfferSnapshot
from tenants.models.classification import is_cleared

LIFETIME = 4.0
#: What is in use is read again so many seconds before that: no request waits for it.
AHEAD = 1.0
#: How old it may grow while PostgreSQL cannot be asked.
STALE = 120.0
#: So long it is waited for while the last one is not too old; then it is left alone for REST.
PATIENCE, REST = 1.0, 1.0
#: So long where there is no other, and where a name was missed in it.
LONGEST, SOON = 6.0, 2.0
#: A name that is not found is looked for in a snapshot taken after so long.
MISSED = 0.2


class _Book:
    """What was read at a time."""

    __slots__ = ("offers", "priced", "read_at")

    def __init__(self, offers: dict[str, OfferSnapshot], read_at: float) -> None:
        self.offers = offers
        self.read_at = read_at
        #: Those of which every part has a price.
        self.priced = {name: offer for name, offer in offers.items() if is_priced(offer)}


#: Whose prices: the currency, and the books that come before the one for everybody.
Priced = tuple[str, tuple[UUID, ...]]
#: So many customers' prices are kept; the longest unread are forgotten first.
CAPACITY = 500


def _read(priced: Priced) -> dict[str, OfferSnapshot]:
    # In a thread outside any request, nobody else finds out that PostgreSQL was restarted.
    close_old_connections()
    with service():
        currency, special = priced
        return {offer.name: offer for offer in queries.snapshot(currency, special=special)}


class OfferDirectory:
    """Answers by name what may be called; one set of offers per currency and price books."""

    def __init__(self) -> None:
        self._books: dict[Priced, _Book] = {}
        self._reading: dict[Priced, asyncio.Task[_Book]] = {}
        self._away_until = 0.0
        self._retired: tuple[float, dict[str, queries.Gone]] = (-LIFETIME, {})
        # Django keeps a connection per thread: one thread at a time means one connection.
        self._turn = threading.Lock()

    async def of(self, caller: Caller, at_most: float = LIFETIME) -> dict[str, OfferSnapshot]:
        """Return the offers at the caller's prices, as they were so many seconds ago at most.

        While PostgreSQL is away they may be older, unless somebody asks for younger ones than usual:
        who missed one that was just published must not hear that it does not exist, but that we
        cannot tell, and soon.
        """
        priced = caller.currency, caller.price_books
        book, now = self._books.get(priced), time.monotonic()
        is_young = book is not None and now - book.read_at <= STALE
        is_believable = is_young and at_most >= LIFETIME
        if book is not None and (
            now - book.read_at < at_most or (is_believable and now < self._away_until)
        ):
            return book.offers
        if is_young and now < self._away_until:
            raise BooksAway
        patience = PATIENCE if is_believable else SOON if is_young else LONGEST
        task = self._begin(priced)
        try:
            async with asyncio.timeout(patience):
                return (await asyncio.shield(task)).offers
        except (DatabaseError, TimeoutError):
            # While PostgreSQL is away, or does not answer, prices of a moment ago still hold.
            self._away_until = time.monotonic() + REST
            if book is None or not is_believable:
                raise
            return book.offers

    def _begin(self, priced: Priced) -> asyncio.Task[_Book]:
        """Read the offers, unless that is under way."""
        task = self._reading.get(priced)
        if task is None:
            task = self._reading[priced] = asyncio.create_task(self._refresh(priced))
            task.add_done_callback(partial(self._has_read, priced))
        return task

    def _has_read(self, priced: Priced, task: asyncio.Task[_Book]) -> None:
        self._reading.pop(priced, None)
        # Looked at here too: nobody may have waited for it.
        if not task.cancelled() and task.exception() is not None:
            self._away_until = time.monotonic() + REST

    async def _refresh(self, priced: Priced) -> _Book:
        book = _Book(await asyncio.to_thread(self._read, priced), time.monotonic())
        # Taken out first: what was read last stands last.
        self._books.pop(priced, None)
        self._books[priced] = book
        while len(self._books) > CAPACITY:
            self._books.pop(next(iter(self._books)))
        return book

    def _read(self, priced: Priced) -> dict[str, OfferSnapshot]:
        with self._turn:
            return _read(priced)

    def at_once(self, caller: Caller, name: str, level: str) -> OfferSnapshot | None:
        """Return the offer where nothing stands against it; None when :meth:`named` must tell."""
        priced = caller.currency, caller.price_books
        book, now = self._books.get(priced), time.monotonic()
        if book is None or now - book.read_at >= LIFETIME:
            return None
        if now - book.read_at >= LIFETIME - AHEAD and now >= self._away_until:
            self._begin(priced)
        offer = book.priced.get(name)
        return offer if offer is not None and may(caller, offer, level) else None

    async def for_caller(self, caller: Caller) -> list[OfferSnapshot]:
        """Return the offers this caller may call."""
        offers = (await self.of(caller)).values()
        return [offer for offer in offers if may(caller, offer, caller.level)]

    async def named(self, caller: Caller, name: str, level: str = "") -> OfferSnapshot:
        """Return the offer for data of this level, unless it is said that of the caller's project.

        What the key was not made for, and what its organization is not shown, is refused like what
        does not exist; what policy alone forbids, it sees in the catalogue: the refusal says so.
        """
        offer = (await self.of(caller)).get(name)
        if offer is None or not is_named(caller, offer):
            # It may have been published, or shown, a moment ago; all who miss wait for one look, so
            # that what exists and is not shown is refused no sooner than what does not exist.
            await asyncio.sleep(MISSED)
            offer = (await self.of(caller, at_most=MISSED)).get(name)
        if offer is None or not is_named(caller, offer):
            raise NotFound(
                f"The model '{name[:100]}' {await self._why_not(caller, name)}"
                " GET /v1/models lists what the key may call.",
                param="model",
                code="model_not_found",
            )
        policy.check(caller, offer, level or caller.level)
        if not is_priced(offer):
            # Unpriced usage never rates to zero: it is refused before it happens.
            raise Unavailable(f"The model '{name}' has no price at present.", code="model_unpriced")
        return offer

    async def _why_not(self, caller: Caller, name: str) -> str:
        """Say why a key may not call it; of a model that its organization had, since when."""
        # PostgreSQL is not asked for what it cannot even read.
        if name.startswith(queries.PRIVATE) and name.isprintable():
            gone = await asyncio.to_thread(self._gone, name, caller.organization_id)
            if gone is not None:
                return f"was retired on {gone:%Y-%m-%d}; no key may use it any more."
        else:
            found = (await self._retired_ones()).get(name)
            if found is not None and policy.sees(caller, found.viewers):
                return f"was retired on {found.retired_at:%Y-%m-%d}.{_instead(caller, found)}"
        return "does not exist or this key may not use it."

    async def _retired_ones(self) -> dict[str, queries.Gone]:
        """Return the operator's models that are gone, as they were a moment ago."""
        read_at, found = self._retired
        if time.monotonic() - read_at >= LIFETIME:
            found = await asyncio.to_thread(self._read_retired)
            self._retired = time.monotonic(), found
        return found

    def _read_retired(self) -> dict[str, queries.Gone]:
        with self._turn:
            close_old_connections()
            with service():
                return queries.retired()

    def _gone(self, name: str, organization_id: UUID) -> datetime | None:
        with self._turn:
            close_old_connections()
            with service():
                return queries.retired_at(name, organization_id)


def may(caller: Caller, offer: OfferSnapshot, level: str) -> bool:
    """Tell whether the caller may use the offer for such data: by its key's models and by policy."""
    is_allowed = policy.is_within(caller, offer) and is_cleared(offer.clearance, level)
    return is_named(caller, offer) and is_allowed and policy.is_let_in(caller, offer)


def is_named(caller: Caller, offer: OfferSnapshot) -> bool:
    """Tell whether the key was made for this model, and the model is its project's to see and call."""
    is_its = offer.projects is None or caller.project_id in offer.projects
    is_shown = is_its and policy.sees(caller, offer.viewers)
    return is_shown and (not caller.allowed_models or offer.name in caller.allowed_models)


def _instead(caller: Caller, gone: queries.Gone) -> str:
    if gone.replacement and policy.sees(caller, gone.replacement_viewers):
        return f" Use '{gone.replacement}' instead."
    return ""


def is_priced(offer: OfferSnapshot) -> bool:
    """Tell whether every part that the kind of model can produce has a price."""
    needed = ("input", "output") if offer.kind == "chat" else ("input",)
    return all(part in offer.prices for part in needed)
