"""One venue: connected, listened to, and connected to anew whenever anything is wrong with it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from time import time_ns
from typing import Any, NamedTuple

from engine.domain.instants import SECOND, Instant
from engine.metrics import FEED_DELAY_SECONDS, FEED_DROPPED, FEED_MESSAGES, FEED_ODD, FEED_QUOTES
from producers.feed.backoff import Backoff
from producers.feed.exchange import (
    BadSymbol,
    BaseError,
    DDoSProtection,
    NetworkError,
    RateLimitExceeded,
    asked,
    open_exchange,
    skip_unreadable,
)
from producers.feed.health import Cause, Health
from producers.feed.observations import Observation, Quote
from producers.feed.polls import Polls
from producers.feed.quotes import Changed, Market, QuoteReader, Tap, is_ahead
from producers.feed.record import Recorder
from producers.feed.settings import FeedSettings

LOAD_S = 30.0
"""Loading the markets may take so long."""
CLOSE_S = 3.0
ARRIVALS = 4_096
"""So many tickers wait to be read; in a longer burst the oldest go."""
LATE = 2 * SECOND
LONGEST_REASON = 300
NANOSECONDS_PER_US = 1_000

Connect = Callable[[FeedSettings], Any]
"""Makes an instance of the exchange's class."""


class Arrival(NamedTuple):
    """What a message changed, and when it came."""

    changed: Changed
    received: Instant


class SilentError(Exception):
    """No sound quote for longer than the settings allow."""


@dataclass(slots=True)
class VenueFeed:
    """Observes one venue until cancelled."""

    venue: str
    settings: FeedSettings
    markets: list[Market]
    observe: Callable[[Observation], None]
    recorder: Recorder | None = None
    connect: Connect = open_exchange
    health: Health = field(init=False)
    _reader: QuoteReader = field(init=False)
    _polls: Polls = field(init=False)
    _arrivals: deque[Arrival] = field(init=False)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _known: Any = None
    """The last instance that had its markets loaded; the next takes them over."""
    _unreadable: Exception | None = None
    """What the last frame came to that could not be read, of this connection."""

    def __post_init__(self) -> None:
        """Nothing is known of the venue yet."""
        self.health = Health(self.venue)
        self._reader = QuoteReader(self.venue)
        self._polls = Polls(self.venue, self.settings.poll_s, self.markets, self.observe)
        self._arrivals = deque(maxlen=ARRIVALS)
        for market in self.markets:
            self.health.watch(market.name)

    async def run(self) -> None:
        """Connect again and again."""
        backoff = Backoff()
        while True:
            problem: Exception = SilentError("ended")
            try:
                await self._session()
            except* (BaseError, SilentError) as group:
                problem = _first(group)
            if not isinstance(problem, NetworkError | SilentError):
                self._known = None
            if self.health.is_steady():
                backoff.reset()
            cause = _cause(problem)
            self.health.lost(cause, str(problem)[:LONGEST_REASON])
            await asyncio.sleep(backoff.pause_s(limited=cause == "rate_limited"))

    async def _session(self) -> None:
        """Observe by one instance until something is wrong."""
        exchange = self.connect(self.settings)
        tap = Tap(exchange, self.markets)
        exchange.handle_message = partial(self._take, tap)
        skip_unreadable(exchange, self._skip)
        self._unreadable = None
        self._reader.begin()
        self._arrivals.clear()
        try:
            if self._known is None:
                await asked(exchange.load_markets(), LOAD_S)
            else:
                exchange.set_markets_from_exchange(self._known)
            self._known = exchange
            symbols = self._listed(exchange)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(exchange, symbols))
                tasks.create_task(self._read())
                tasks.create_task(self._polls.run(exchange))
        finally:
            with suppress(BaseError):
                await asked(exchange.close(), CLOSE_S)

    def _listed(self, exchange: Any) -> list[str]:
        """The symbols the venue has. Raises BadSymbol where it has none."""
        symbols = [market.symbol for market in self.markets]
        unknown = [symbol for symbol in symbols if symbol not in exchange.markets]
        if len(unknown) == len(symbols):
            raise BadSymbol(f"{self.settings.exchange} has no {', '.join(unknown)}")
        self.health.lacks(unknown)
        return [symbol for symbol in symbols if symbol not in unknown]

    async def _watch(self, exchange: Any, symbols: list[str]) -> None:
        """Keep ccxt subscribed. What it returns is passed over: `_take` has seen more."""
        while True:
            await asked(exchange.watch_bids_asks(symbols))

    def _take(self, tap: Tap, client: Any, message: Any) -> None:
        """Stand for ccxt's `handle_message`: every parsed message of the connection comes by here."""
        now_ns = time_ns()
        FEED_MESSAGES.labels(self.venue).inc()
        if self.recorder is not None:
            self.recorder.note(self.venue, message, now_ns)
        for changed in tap.take(client, message):
            if len(self._arrivals) == ARRIVALS:
                FEED_DROPPED.labels(self.venue, "overrun").inc()
            self._arrivals.append(Arrival(changed, now_ns // NANOSECONDS_PER_US))
            self._arrived.set()

    def _skip(self, problem: Exception) -> None:
        """Count a frame that could not be read, and keep why."""
        FEED_DROPPED.labels(self.venue, "unreadable").inc()
        self._unreadable = problem

    async def _read(self) -> None:
        """Read tickers as they come. Raises SilentError when none is sound for too long."""
        silent_s, loop = self.settings.silent_s, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(silent_s) as deadline:
                while True:
                    await self._arrived.wait()
                    self._arrived.clear()
                    while self._arrivals:
                        if self._is_sound(self._arrivals.popleft()):
                            deadline.reschedule(loop.time() + silent_s)
        except TimeoutError:
            why = "" if self._unreadable is None else f"; the last unreadable frame: {self._unreadable!r}"
            raise SilentError(f"no sound quote for {silent_s} s{why}") from None

    def _is_sound(self, arrival: Arrival) -> bool:
        """Whether it is a new quote; then it is observed."""
        quote = self._reader.read(*arrival)
        if not isinstance(quote, Quote):
            FEED_DROPPED.labels(self.venue, quote).inc()
            return False
        FEED_QUOTES.labels(self.venue, "venue" if quote.dated else "collector").inc()
        FEED_DELAY_SECONDS.labels(self.venue).set((quote.received - quote.time) / SECOND)
        for kind in _odd(quote, arrival):
            FEED_ODD.labels(self.venue, kind).inc()
        self.health.quoted(arrival.changed.market.name)
        self.observe(quote)
        return True


def _odd(quote: Quote, arrival: Arrival) -> Iterator[str]:
    if quote.bid > quote.ask:
        yield "crossed"
    if quote.received - quote.time > LATE:
        yield "late"
    if is_ahead(arrival.changed.ticker, arrival.received):
        yield "early"


def _cause(problem: Exception) -> Cause:
    match problem:
        case SilentError():
            return "silent"
        case DDoSProtection() | RateLimitExceeded():
            return "rate_limited"
        case NetworkError():
            return "closed"
        case _:
            return "failed"


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else SilentError(repr(error))
