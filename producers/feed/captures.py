"""Recordings as quotes, by the same way messages take live: through ccxt's own handlers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import SECOND, Instant
from producers.feed.exchange import Line, offline
from producers.feed.messages import Message, messages
from producers.feed.observations import Quote
from producers.feed.quotes import Changed, Market, QuoteReader, Tap
from producers.feed.settings import FeedError, Kind

FURTHEST = 3_600 * SECOND
"""A message's time further from the collector's says nothing of its clock: it is in another unit, or made up."""


class Source(NamedTuple):
    """A file, and whose messages are in it."""

    path: Path
    exchange: str
    kind: Kind
    symbol: str
    venue: str


@dataclass(slots=True)
class _Venue:
    """What the messages of one venue go through."""

    line: Line
    tap: Tap
    reader: QuoteReader


class _Found(NamedTuple):
    """A ticker, and when the collector got its message."""

    venue: _Venue
    changed: Changed
    local: Instant | None


@dataclass(slots=True)
class Captures:
    """Files of one underlying, merged by local time; by the exchanges' time where they have no local one.

    The collector's clock may be off. What a venue does not date is dated by that clock, put right by how far it was
    from the exchanges' times: by the least delay any message had, of those within an hour. Call `survey` first.
    """

    underlying: str
    sources: list[Source]
    read: int = 0
    """Messages so far."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Messages, and best bids and asks, that became no quote, by reason."""
    quoted: Counter[str] = field(default_factory=Counter)
    """Quotes so far, by venue."""
    offset: Instant = 0
    """From the collector's clock to the exchanges'."""
    _local: bool = True

    def survey(self) -> int:
        """Read everything once: how many messages there are. Raises FeedError, OSError."""
        offset: Instant | None = None
        count = 0
        local = set()
        self._venues()
        for _, message in self._merged():
            count += 1
            local.add(message.local is not None)
            time = message.event_time()
            if time is not None and message.local is not None and abs(time - message.local) <= FURTHEST:
                delay = time - message.local
                offset = delay if offset is None else max(offset, delay)
        if len(local) > 1:
            raise FeedError("files with local times and files without are not replayed together")
        self.offset, self._local = offset or 0, local != {False}
        self.dropped.clear()
        return count

    def quotes(self) -> Iterator[QuoteObserved]:
        """Every quote in order. Raises FeedError, OSError."""
        found = self._found(self._venues())
        for venue, changed, local in found if self._local else sorted(found, key=_exchange_time):
            quote = venue.reader.read(changed, None if local is None else local + self.offset)
            if isinstance(quote, Quote):
                self.quoted[quote.venue] += 1
                yield QuoteObserved(quote.underlying, quote.venue, quote.time, quote.bid, quote.ask)
            else:
                self.dropped[quote] += 1

    def _found(self, venues: dict[str, _Venue]) -> Iterator[_Found]:
        """What ccxt makes of the messages."""
        begun: set[Source] = set()
        for source, message in self._merged():
            self.read += 1
            venue = venues[source.venue]
            if source not in begun:
                begun.add(source)
                venue.reader.begin()
            try:
                tickers = venue.tap.take(venue.line, message.body)
            except Exception:  # noqa: BLE001 - as live: whatever ccxt makes of whatever was sent
                self._unreadable()
                continue
            for changed in tickers:
                yield _Found(venue, changed, message.local)

    def _venues(self) -> dict[str, _Venue]:
        venues: dict[str, _Venue] = {}
        told: dict[str, Source] = {}
        for source in self.sources:
            if told.setdefault(source.venue, source)[1:] != source[1:]:
                raise FeedError(f"venue {source.venue} is said to be two markets; --venue names them apart")
            if source.venue not in venues:
                exchange, line = offline(source.exchange, source.kind, source.symbol)
                tap = Tap(exchange, [Market(source.symbol, self.underlying)])
                venues[source.venue] = _Venue(line, tap, QuoteReader(source.venue))
        return venues

    def _merged(self) -> Iterator[tuple[Source, Message]]:
        return merge(*(self._of(source) for source in self.sources), key=lambda found: found[1].local or 0)

    def _of(self, source: Source) -> Iterator[tuple[Source, Message]]:
        for message in messages(source.path, self._unreadable):
            yield source, message

    def _unreadable(self) -> None:
        self.dropped["unreadable"] += 1


def _exchange_time(found: _Found) -> int:
    return int(found.changed.ticker["timestamp"] or 0)
