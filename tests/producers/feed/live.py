"""A venue fed from the stand-in, and what its metrics say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from prometheus_client import REGISTRY

from producers.feed.exchange import open_exchange
from producers.feed.observations import Observation, Quote
from producers.feed.quotes import Market
from producers.feed.record import Recorder
from producers.feed.settings import FeedSettings, Kind
from producers.feed.venue import VenueFeed
from tests.eventually import eventually
from tests.exchange.server import StandIn, rebase
from tests.exchange.venue import Venue

SYMBOLS: dict[Kind, str] = {"spot": "TAO/USDT", "swap": "TAO/USDT:USDT"}


def sample(name: str, **labels: str) -> float:
    """What a metric says now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def connecting(standin: StandIn) -> Callable[[FeedSettings], Any]:
    """ccxt's classes as the feed makes them, at the stand-in."""

    def connect(settings: FeedSettings) -> Any:
        exchange = open_exchange(settings)
        exchange.timeout_on_exit = 0
        rebase(exchange, standin)
        return exchange

    return connect


@dataclass
class Watched:
    """A feed that runs, and everything it observed."""

    venue: Venue
    symbol: str
    settings: FeedSettings
    feed: VenueFeed
    seen: list[Observation] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.feed.venue

    @property
    def quotes(self) -> list[Quote]:
        return [each for each in self.seen if isinstance(each, Quote)]

    @property
    def prices(self) -> list[tuple[str, str]]:
        return [(f"{quote.bid:f}", f"{quote.ask:f}") for quote in self.quotes]

    def dropped(self, reason: str) -> float:
        return sample("levtao_feed_dropped_total", venue=self.name, reason=reason)

    async def did_drop(self, reason: str) -> None:
        """Until it has been counted."""
        await eventually(lambda: self.dropped(reason) == 1, reason)

    def odd(self, kind: str) -> float:
        return sample("levtao_feed_odd_total", venue=self.name, kind=kind)

    def lost(self, cause: str) -> float:
        return sample("levtao_feed_connections_lost_total", venue=self.name, cause=cause)

    def is_in(self, state: str) -> bool:
        return sample("levtao_feed_state", venue=self.name, levtao_feed_state=state) == 1.0

    async def quote(self, bid: str, ask: str, **more: Any) -> None:
        """Quoted by the stand-in, once it has a subscriber."""
        await eventually(lambda: self.venue.subscribed(self.symbol), "subscribed")
        await self.venue.quote(self.symbol, bid, ask, **more)

    async def saw(self, bid: str, ask: str, deadline_s: float = 10) -> None:
        """Until the feed has observed this quote last."""

        def last() -> bool:
            return bool(self.quotes) and (str(self.quotes[-1].bid), str(self.quotes[-1].ask)) == (bid, ask)

        await eventually(last, f"{self.name} saw {bid}/{ask}", deadline_s)


@asynccontextmanager
async def watched(
    standin: StandIn, exchange: str = "binance", kind: Kind = "spot", recorder: Recorder | None = None, **settings: Any
) -> AsyncIterator[Watched]:
    """A feed of TAO at one venue of the stand-in, for the time of the block; named like no other."""
    symbol = SYMBOLS[kind]
    how = FeedSettings(exchange=exchange, kind=kind, symbols={"TAO": symbol}, **{"poll_s": 0, "silent_s": 5} | settings)
    seen: list[Observation] = []
    feed = VenueFeed(
        f"{exchange}-{uuid4().hex[:8]}", how, [Market(symbol, "TAO")], seen.append, recorder, connecting(standin)
    )
    async with running(feed.run()):
        yield Watched(standin.venue(exchange), symbol, how, feed, seen)


@asynccontextmanager
async def running(*work: Any) -> AsyncIterator[None]:
    """Coroutines, for the time of the block; what one of them raises fails the test."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
