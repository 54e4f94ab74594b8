"""All venues of a process: what they observe becomes inputs, and is told to whoever watches for signals."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from engine.domain.inputs import FundingObserved, Input, QuoteObserved, TokenQuoteObserved
from engine.domain.instants import format_instant
from engine.domain.numbers import exact, toward_zero
from producers.feed.exchange import open_exchange
from producers.feed.observations import Funding, Observation, Quote
from producers.feed.outbox import Key, Outbox
from producers.feed.quotes import Market
from producers.feed.record import Recorder
from producers.feed.settings import FeedSettings
from producers.feed.venue import Connect, VenueFeed

Watch = Callable[[Observation], Iterable[Input]]
"""What a desk should be told of an observation, as inputs."""


@dataclass(slots=True)
class Feed:
    """Venues by name, with what they are to observe, and the outbox their inputs go to."""

    settings: Mapping[str, FeedSettings]
    markets: Mapping[str, list[Market]]
    """Of each venue."""
    outbox: Outbox
    recorder: Recorder | None = None
    watch: Watch | None = None
    connect: Connect = open_exchange
    venues: list[VenueFeed] = field(init=False)
    _terms: dict[str, int] = field(init=False)
    _signals: int = 0

    def __post_init__(self) -> None:
        """Nothing is connected yet."""
        self.venues = [
            VenueFeed(name, settings, self.markets[name], self.observe, self.recorder, self.connect)
            for name, settings in self.settings.items()
        ]
        self._terms = {
            market.token: market.terms_version
            for markets in self.markets.values()
            for market in markets
            if market.token is not None
        }

    async def run(self) -> None:
        """Observe until cancelled. The recorder ends last: what comes while venues are closed is recorded too."""
        async with asyncio.TaskGroup() as recording:
            if self.recorder is not None:
                recording.create_task(self.recorder.run())
            async with asyncio.TaskGroup() as observing:
                for venue in self.venues:
                    observing.create_task(venue.run())

    def observe(self, seen: Observation) -> None:
        """Make inputs of what a venue observed. The rate bound is of each market; signals and funding are not bound."""
        match seen:
            case Quote():
                key = Key(seen.venue, f"quote {seen.token or seen.underlying}")
                self.outbox.offer(key, self._quote(seen), 1 / self.settings[seen.venue].max_per_s)
            case Funding(realised=True):
                key = Key(seen.venue, f"funding {seen.underlying} {format_instant(seen.funding_time)}")
                given = FundingObserved(seen.underlying, seen.venue, seen.funding_time, seen.rate)
                self.outbox.offer(key, given)
        for signal in self.watch(seen) if self.watch is not None else ():
            self._signals += 1
            self.outbox.offer(Key(seen.venue, f"signal {self._signals}"), signal)

    def _quote(self, seen: Quote) -> Input:
        """An input. The depth of a token's market is what stands at its best prices: less than there is in the band."""
        if seen.token is None:
            return QuoteObserved(seen.underlying, seen.venue, seen.time, seen.bid, seen.ask)
        with exact():
            depths = toward_zero(seen.bid_size), toward_zero(seen.ask_size)
        return TokenQuoteObserved(
            seen.underlying, seen.token, seen.venue, seen.time, seen.bid, seen.ask, *depths, self._terms[seen.token]
        )
