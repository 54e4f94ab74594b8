"""What a buyer got who held a token between two instants of a back-test."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from engine.domain.exposure import leverage
from engine.domain.instants import MILLISECOND, SECOND, Instant, format_instant
from engine.domain.numbers import ONE, ZERO
from levtao.backtest import Backtest, Run, places
from producers.prices import Tick


class Sight(NamedTuple):
    """A token at an instant: NAV per unit, leverage, and the resets so far."""

    nav: Decimal
    leverage: Decimal | None
    daily_resets: int
    late_resets: int
    intraday_resets: int


class Look(NamedTuple):
    """The last price at or before an instant, and every token at it."""

    price: Decimal
    time: Instant
    tokens: dict[str, Sight]


@dataclass(slots=True)
class Purchase:
    """Bought at NAV at `enter`, sold at NAV at `leave`, without fee or spread; leverage is what it was, not L."""

    enter: Instant
    leave: Instant
    backtest: Backtest
    _entered: Look | None = field(default=None, init=False)
    _left: Look | None = field(default=None, init=False)

    @classmethod
    def of(cls, enter: Instant | None, leave: Instant | None, backtest: Backtest) -> "Purchase | None":
        """The purchase between two options, None without either. Raises ValueError for one alone or a wrong order."""
        if enter is None and leave is None:
            return None
        if enter is None or leave is None:
            raise ValueError("--enter and --exit come together")
        if leave <= enter:
            raise ValueError("--exit is not after --enter")
        return cls(enter, leave, backtest)

    def watch(self, ticks: Iterator[Tick]) -> Iterator[Tick]:
        """Pass the ticks on, and look at the tokens after the last one at or before each instant.

        Raises ValueError if there is no fresh price at one of the instants.
        """
        last: Tick | None = None
        for tick in ticks:
            self._look(last, tick.time)
            last = tick
            yield tick
        self._look(last, max(self.enter, self.leave) + 1)

    def _look(self, last: Tick | None, now: Instant) -> None:
        """Note what is to be seen before the input at `now` is taken."""
        if self._entered is None and now > self.enter:
            self._entered = self._see(last, self.enter, "--enter")
        if self._left is None and now > self.leave:
            self._left = self._see(last, self.leave, "--exit")

    def _see(self, last: Tick | None, at: Instant, option: str) -> Look:
        if last is None:
            raise ValueError(f"no price at or before {option} {format_instant(at)}")
        max_age_s = self.backtest.settings.max_age_s
        if at - last.time > max_age_s * SECOND:
            raise ValueError(
                f"no price within {max_age_s} s before {option} {format_instant(at)}: "
                f"the last is of {format_instant(last.time)}"
            )
        return Look(last.price, last.time, {name: _sight(run, last.price) for name, run in self.backtest.runs.items()})

    def held(self, token: str) -> dict[str, Any]:
        """What the buyer of `token` got, after the run. Returns are shares of 1; null where they cannot be formed."""
        if self._entered is None or self._left is None:
            raise ValueError("the run has not passed the purchase")
        bought, sold = self._entered.tokens[token], self._left.tokens[token]
        moved = self._left.price / self._entered.price - ONE
        got = sold.nav / bought.nav - ONE if bought.nav > ZERO else None
        return {
            "entered_at": self._entered.time // MILLISECOND,
            "exited_at": self._left.time // MILLISECOND,
            "entry_nav": _text(bought.nav),
            "exit_nav": _text(sold.nav),
            "return": _text(got),
            "entry_price": _text(self._entered.price),
            "exit_price": _text(self._left.price),
            "underlying_return": _text(moved),
            "entry_leverage": _text(bought.leverage),
            "effective_multiple": _text(got / moved if got is not None and moved else None),
            "daily_resets": sold.daily_resets - bought.daily_resets,
            "late_resets": sold.late_resets - bought.late_resets,
            "intraday_resets": sold.intraday_resets - bought.intraday_resets,
        }


def _sight(run: Run, price: Decimal) -> Sight:
    nav = ZERO if run.holding is None else run.holding.nav(price)
    lever = leverage(run.token.basket, run.token.cash, price)
    return Sight(nav, lever, run.daily_resets, run.late_resets, run.intraday_resets)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else places(value)
