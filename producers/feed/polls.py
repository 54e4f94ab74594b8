"""What is asked of a venue over REST now and then: funding, mark price, open interest, volume."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic, time_ns
from typing import Any

from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.domain.numbers import ZERO, exact
from engine.metrics import FEED_REST_FAILURES
from producers.feed.exchange import BaseError, asked
from producers.feed.observations import Funding, MarkPrice, Observation, OpenInterest, Volume
from producers.feed.quotes import LARGEST, SMALLEST, Market, decimal

ANSWER_S = 15.0
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
LOOK_BACK = 26 * HOUR
"""Realised funding of so long is asked for at first: as far back as the core takes it by default."""
USUAL_INTERVAL_H = 8

ODD_ANSWER = (KeyError, TypeError, ValueError, ArithmeticError)
"""What comes of an answer that lacks what it should have, or has no numbers where they belong."""


@dataclass(slots=True)
class Polls:
    """Asks about a venue's underlyings every `every_s`, 0 for never. What goes unanswered is counted and asked again.

    Realised funding is observed once for each instant, of the last 26 h at first.
    """

    venue: str
    every_s: float
    markets: list[Market]
    observe: Callable[[Observation], None]
    _next: float = 0.0
    _funded: dict[str, Instant] = field(default_factory=dict)
    _interval_h: dict[str, int] = field(default_factory=dict)
    """Between the last two realised instants of a market."""

    async def run(self, exchange: Any) -> None:
        """Ask until cancelled. A new connection does not make it ask sooner."""
        while self.every_s:
            await asyncio.sleep(max(0.0, self._next - monotonic()))
            self._next = monotonic() + self.every_s
            for market in self.markets:
                if market.token is None and market.symbol in exchange.markets:
                    await self._ask_all(exchange, market)

    async def _ask_all(self, exchange: Any, market: Market) -> None:
        questions = [("volume", "fetchTicker", self._volume)]
        if exchange.market(market.symbol)["swap"]:
            questions += [
                ("realised_funding", "fetchFundingRateHistory", self._realised_funding),
                ("funding", "fetchFundingRate", self._funding),
                ("open_interest", "fetchOpenInterest", self._open_interest),
            ]
        for name, method, question in questions:
            if not exchange.has.get(method):
                continue
            seen: list[Observation] = []
            try:
                async for observation in question(exchange, market):
                    seen.append(observation)  # noqa: PERF401 - what came before an error counts
                if not seen and name != "realised_funding":
                    FEED_REST_FAILURES.labels(self.venue, name, "nothing").inc()
            except (BaseError, *ODD_ANSWER) as error:
                FEED_REST_FAILURES.labels(self.venue, name, type(error).__name__).inc()
            for observation in seen:
                self.observe(observation)

    async def _volume(self, exchange: Any, market: Market) -> AsyncIterator[Observation]:
        ticker = await asked(exchange.fetch_ticker(market.symbol), ANSWER_S)
        amount = _number(ticker["quoteVolume"])
        if amount is None:
            base, price = _number(ticker["baseVolume"]), _number(ticker["last"])
            with exact():
                amount = None if base is None or price is None else base * _contract(exchange, market) * price
                amount = _bounded(amount)
        if amount is not None:
            yield Volume(self.venue, market.underlying, _time(ticker), _now(), amount)

    async def _funding(self, exchange: Any, market: Market) -> AsyncIterator[Observation]:
        """The rate to come, and the mark price, which most venues tell with it."""
        told = await asked(exchange.fetch_funding_rate(market.symbol), ANSWER_S)
        rate, due, mark = _number(told["fundingRate"]), told["fundingTimestamp"], _number(told["markPrice"])
        if rate is not None and due is not None:
            at = int(due) * MILLISECOND
            yield Funding(
                self.venue, market.underlying, _time(told), _now(), rate, at,
                realised=False, interval_h=self._interval_h.get(market.symbol) or _hours(told.get("interval")),
            )  # fmt: skip
        if mark is None and exchange.has.get("fetchMarkPrice"):
            told = await asked(exchange.fetch_mark_price(market.symbol), ANSWER_S)
            mark = _number(told["markPrice"])
        if mark is not None:
            yield MarkPrice(self.venue, market.underlying, _time(told), _now(), mark)

    async def _realised_funding(self, exchange: Any, market: Market) -> AsyncIterator[Observation]:
        """Rates of instants that have passed. Venues are some milliseconds off the hour; the core wants the minute."""
        before = self._funded.get(market.symbol)
        last = _now() - LOOK_BACK if before is None else before
        question = exchange.fetch_funding_rate_history(market.symbol, last // MILLISECOND, 100)
        for told in sorted(await asked(question, ANSWER_S), key=lambda each: int(each["timestamp"])):
            time = (int(told["timestamp"]) * MILLISECOND + MINUTE // 2) // MINUTE * MINUTE
            rate = _number(told["fundingRate"])
            if not last < time <= _now() + SECOND:
                continue
            if before is not None:
                self._interval_h[market.symbol] = max(1, round((time - before) / HOUR))
            before = time
            if rate is None:
                FEED_REST_FAILURES.labels(self.venue, "realised_funding", "nothing").inc()
                continue
            last = self._funded[market.symbol] = time
            yield Funding(self.venue, market.underlying, time, _now(), rate, time, realised=True)

    async def _open_interest(self, exchange: Any, market: Market) -> AsyncIterator[Observation]:
        told = await asked(exchange.fetch_open_interest(market.symbol), ANSWER_S)
        amount = _number(told.get("baseVolume"))
        if amount is None:
            contracts = _number(told["openInterestAmount"])
            with exact():
                amount = None if contracts is None else contracts * _contract(exchange, market)
                amount = _bounded(amount)
        if amount is not None:
            yield OpenInterest(self.venue, market.underlying, _time(told), _now(), amount)


def _number(text: str | None) -> Decimal | None:
    """A number as it was written, within the bounds of a price; a rate may be 0 or negative."""
    return None if text is None else _bounded(decimal(text))


def _bounded(number: Decimal | None) -> Decimal | None:
    return number if number is not None and (number == ZERO or SMALLEST <= abs(number) < LARGEST) else None


def _contract(exchange: Any, market: Market) -> Decimal:
    """How much of the underlying one contract is; 1 on a spot market."""
    return _number(exchange.market(market.symbol)["contractSize"]) or Decimal(1)


def _hours(interval: str | None) -> int:
    """`8h` as a number of hours; ccxt also gives milliseconds, and less than an hour is none."""
    digits = (interval or "").removesuffix("h")
    if digits == interval or not digits.isdecimal():
        return USUAL_INTERVAL_H
    return int(digits) or USUAL_INTERVAL_H


def _time(told: Any) -> Instant:
    """The venue's time of an answer, ours where it has none that makes sense."""
    time_ms = -1 if told["timestamp"] is None else int(told["timestamp"])
    return _now() if time_ms < 0 else time_ms * MILLISECOND


def _now() -> Instant:
    return time_ns() // 1_000
