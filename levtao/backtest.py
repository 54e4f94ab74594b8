"""The core over a file of past prices, without Kafka: what the promise would have been worth."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypeAlias

from engine.domain.book import Book
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.events import Output
from engine.domain.exposure import equity, grown, leverage
from engine.domain.fields import Share
from engine.domain.inputs import Input, Position, QuoteObserved
from engine.domain.instants import MILLISECOND, Instant
from engine.domain.machine import step
from engine.domain.numbers import ONE, ZERO, exact, money
from engine.domain.outputs import FillBooked, RebalanceTriggered, TokenReset, TokenTerminated
from engine.domain.state import Token
from engine.domain.terms import TokenTerms, UnderlyingTerms
from producers.prices import FILE_VENUE, Tick

MAX_AGE_S = 600

Hearer: TypeAlias = Callable[[list[Output], Position], None]
"""Hears what the core says of one input, with the input's position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is assumed of the market and promised by the tokens. Shares are of 1, not of 100 or 10,000."""

    multipliers: tuple[Decimal, ...]
    underlying: str = "TAO"
    max_leverage: Share | Literal["default", "none"] = "default"
    max_age_s: int = MAX_AGE_S
    slippage: Decimal = ZERO
    commission: Decimal = ZERO
    lot: Decimal = ZERO
    min_notional: Decimal = ZERO
    publication_interval_s: int = 0

    def commands(self) -> list[Input]:
        """The commands that open the book and list the tokens. Raises ValueError for terms that cannot be."""
        names = [token_name(self.underlying, multiplier) for multiplier in self.multipliers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} is asked for twice")
        terms = UnderlyingTerms(
            venues=(FILE_VENUE,),
            min_venues=1,
            max_age_s=self.max_age_s,
            slippage=self.slippage,
            commission=self.commission,
            lot=self.lot,
            min_notional=self.min_notional,
            publication_interval_s=self.publication_interval_s,
            late_funding_h=0,
        )
        tokens: list[Input] = [
            SetTokenTerms(
                self.underlying,
                token_name(self.underlying, multiplier),
                1,
                TokenTerms(
                    multiplier=multiplier,
                    max_leverage=self.max_leverage,
                    fills="assumed",
                    netted=False,
                    seed_units=ONE,
                ),
                by="backtest",
                reason="backtest",
            )
            for multiplier in self.multipliers
        ]
        return [SetUnderlyingTerms(self.underlying, 0, 1, terms, by="backtest", reason="backtest"), *tokens]


def token_name(underlying: str, multiplier: Decimal) -> str:
    """TAO3L for 3 times TAO, TAO1S for its inverse."""
    return f"{underlying}{abs(multiplier).normalize():f}{'L' if multiplier > 0 else 'S'}"


class Holding(NamedTuple):
    """What a token holds between two events."""

    basket: Decimal
    cash: Decimal
    units: Decimal

    def nav(self, price: Decimal) -> Decimal:
        """NAV per unit, never below zero."""
        return max(ZERO, money(equity(self.basket, self.cash, price) / self.units))


@dataclass(slots=True)
class Run:
    """One token's course through the file."""

    token: Token
    lowest_nav: Decimal
    holding: Holding | None = None
    daily_resets: int = 0
    intraday_resets: int = 0
    late_resets: int = 0
    turnover: Decimal = ZERO
    terminated_at: Instant | None = None

    def take(self, output: Output) -> None:
        """Count what happened to the token."""
        match output.body:
            case TokenReset(late=late):
                self.daily_resets += 1
                self.late_resets += late
            case RebalanceTriggered():
                self.intraday_resets += 1
            case TokenTerminated():
                self.terminated_at = output.time
            case FillBooked(quantity=quantity, price=price) if self.terminated_at is None:
                self.turnover += quantity * price

    def see(self, price: Decimal) -> None:
        """Note the NAV at a price if it is the lowest so far."""
        if self.holding is not None:
            self.lowest_nav = min(self.lowest_nav, self.holding.nav(price))

    def hold(self) -> None:
        """From here the token holds what it holds now; a closed one its final value."""
        token = self.token
        closed = token.status == "closed"
        self.holding = (
            Holding(ZERO, token.final_value, ONE) if closed else Holding(token.basket, token.cash, token.units)
        )

    def summary(self, price: Decimal) -> dict[str, Any]:
        """The token's course in one object, valued at the last price."""
        token = self.token
        lever = leverage(token.basket, token.cash, price)
        nav = ZERO if self.holding is None else self.holding.nav(price)
        benchmark = grown(token.benchmark, token.terms.multiplier, token.benchmark_price, price)
        return {
            "multiplier": f"{token.terms.multiplier:f}",
            "nav": places(nav),
            "benchmark": places(benchmark),
            "daily_resets": self.daily_resets,
            "intraday_resets": self.intraday_resets,
            "late_resets": self.late_resets,
            "turnover": places(self.turnover),
            "lowest_nav": places(self.lowest_nav),
            "terminated_at": None if self.terminated_at is None else self.terminated_at // MILLISECOND,
            "shortfall": places(token.shortfall),
            "leverage": places(ZERO if lever is None else lever),
        }


@dataclass(slots=True)
class Backtest:
    """A book driven by ticks; `on_outputs` hears everything the core says, with the input's position."""

    settings: Settings
    on_outputs: Hearer | None = None
    ticks: int = field(default=0, init=False)
    runs: dict[str, Run] = field(default_factory=dict, init=False)
    """Each token's course so far."""

    def run(self, ticks: Iterable[Tick]) -> list[dict[str, Any]]:
        """Drive the book to the end of `ticks`; one summary a token. Raises ValueError without a tick."""
        with exact():
            return self._run(iter(ticks))

    def _run(self, ticks: Iterator[Tick]) -> list[dict[str, Any]]:
        commands = self.settings.commands()
        book = self._open(commands)
        runs = self.runs = {token.token: Run(token, token.terms.initial_nav) for token in book.tokens.values()}
        offset = len(commands)
        underlying = self.settings.underlying
        low = high = price = ZERO
        for time, price in ticks:
            outputs = step(book, QuoteObserved(underlying, FILE_VENUE, time, price, price), Position(0, offset))
            offset += 1
            if outputs:
                self._hear(outputs, offset - 1)
                _settle(runs, outputs, low, high, price)
                low = high = price
            elif price < low:
                low = price
            elif price > high:
                high = price
        self.ticks = offset - len(commands)
        if not self.ticks:
            raise ValueError("no price between the first and the last time asked for")
        _settle(runs, [], low, high, price)
        names = [token_name(underlying, multiplier) for multiplier in self.settings.multipliers]
        return [runs[name].summary(price) for name in names]

    def _open(self, commands: list[Input]) -> Book:
        opening = commands[0]
        if not isinstance(opening, SetUnderlyingTerms):
            raise TypeError("the first command opens the book")
        book = Book.opened_by(opening)
        for offset, command in enumerate(commands):
            self._hear(step(book, command, Position(0, offset)), offset)
        return book

    def _hear(self, outputs: list[Output], offset: int) -> None:
        if self.on_outputs is not None:
            self.on_outputs(outputs, Position(0, offset))


def _settle(runs: dict[str, Run], outputs: list[Output], low: Decimal, high: Decimal, price: Decimal) -> None:
    """Close the stretch between two events: note its extremes, count the outputs, go on with the new holdings.

    NAV is linear in the price while a holding stays, so its lowest is at an extreme of the stretch.
    """
    for run in runs.values():
        run.see(low)
        run.see(high)
    for output in outputs:
        body = output.body
        if isinstance(body, FillBooked):
            for share in body.shares:
                runs[share.token].take(output)
        elif isinstance(body, TokenReset | RebalanceTriggered | TokenTerminated):
            runs[body.token].take(output)
    for run in runs.values():
        if run.token.status != "listed":
            run.hold()
            run.see(price)


def places(value: Decimal) -> str:
    """A decimal as summaries show it: 18 places, no exponent."""
    return f"{money(value):f}"
