"""What `levtao backtest` must print, computed naively from the written specification alone.

Written without sight of the engine, to be compared with it: one token at a time, everything recomputed at every tick.

Choices (where the specification leaves room; "Order" is its "Order of work inside one input"):

Start and rows
 1. The opening costs nothing and ignores lot and minimum; a first tick exactly at midnight passes no boundary.
 2. Prices that are not finite and positive are refused (a bar with one such price as a whole) and move no time.
 3. A tick is dropped when older than the last accepted tick; equal times are kept. Bars that overlap or repeat lose
    only their older ticks.
 4. Thirds of a bar are floored to whole ms; fewer than two bars, or a length that is not positive, is an error.
Resets
 5. On time: exactly one boundary passed, input dated <= max_age after it, last price's age at it <= max_age. All else
    is late, several boundaries in one input always, even where max_age exceeds a day.
 6. A terminated token makes no reset (none counted), nor does one that terminates in the input with the late fix;
    its benchmark still moves at every fix. `A <= 0` at a fix (only costs do that): a counted reset with goal 0.
 7. Late reset and trigger in one input: both count, one fill. No triggers are judged at the on-time fix itself.
Triggers
 8. Judged once per input, before the fill, and only if (P, q, c) differ from the last time judged: "after any change".
    A change of q or c by the fill of step 7 is therefore judged at the next input.
 9. Emergency reached counts as one trigger, not two; the ordinary one does not fire over an open emergency want.
    An order rounded to nothing counts as fired, and fires again at the next change: its want is not open.
10. "Could be sent alone": the rest, rounded to lots at the current index, is neither zero nor below the minimum.
Fills
11. Wants stay: at every input (no waiting when assumed) and every on-time fix g - q is netted afresh, so a rest that
    has grown above the minimum is sent then, and counted in turnover.
12. min_notional is compared with rounded quantity x index price (before slippage).
13. Turnover is at the fill price (with slippage). Orders toward the goal 0 of choice 6 count, closing orders do not.
14. The rest of a closed basket that is too small to send is valued at the assumed price, without commission.
Results
15. Shortfall is what is below zero after closing, its costs included. Leverage of a terminated token is 0.
16. lowest_nav: the start and the state at the end of each input; published NAV is never below 0.
17. g and q 18 places toward zero; c and benchmark 18 places half-even; the rest unrounded.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from pathlib import Path
from typing import TypedDict

Number = str | int | Decimal
Price = tuple[int, str]
Bar = tuple[int, str, str, str, str]
Rows = Sequence[Price] | Sequence[Bar]

DAY = 86_400_000
ZERO, ONE = Decimal(0), Decimal(1)
PLACES = Decimal("1e-18")
REACHED = ONE - Decimal("1e-12")


class Result(TypedDict):
    """One token's line of output."""

    multiplier: Decimal
    nav: Decimal
    benchmark: Decimal
    daily_resets: int
    intraday_resets: int
    late_resets: int
    turnover: Decimal
    lowest_nav: Decimal
    terminated_at: int | None
    shortfall: Decimal
    leverage: Decimal


def quantity(value: Decimal) -> Decimal:
    """Stored quantity: 18 places toward zero."""
    return value.quantize(PLACES, ROUND_DOWN)


def money(value: Decimal) -> Decimal:
    """Stored money: 18 places, half-even."""
    return value.quantize(PLACES, ROUND_HALF_EVEN)


def ticks(rows: Rows) -> Iterator[tuple[int, Decimal]]:
    """All acceptable (time, price) in order: bars become four ticks, bad prices and older ticks are left out."""
    last: int | None = None
    length = rows[1][0] - rows[0][0] if len(rows) > 1 else 0
    if rows and len(rows[0]) == 5 and length <= 0:
        raise ValueError("the first two bars must give a positive bar length")
    for row in rows:
        prices = [Decimal(text) for text in row[1:]]
        if not all(price.is_finite() and price > 0 for price in prices):
            continue
        times = [row[0]]
        if len(prices) == 4:
            first, high, low, close = prices
            prices = [first, low, high, close] if close >= first else [first, high, low, close]
            times = [row[0], row[0] + length // 3, row[0] + 2 * length // 3, row[0] + length - 1]
        for time, price in zip(times, prices, strict=True):
            if last is None or time >= last:
                last = time
                yield time, price


@dataclass
class Token:
    """One token with one unit outstanding; everything is worked out from q and c when asked."""

    multiplier: Decimal
    max_leverage: Decimal | None
    slippage: Decimal
    commission: Decimal
    lot: Decimal
    min_notional: Decimal
    q: Decimal = ZERO
    c: Decimal = Decimal(100)
    goal: Decimal = ZERO
    goal_set_by: str = "daily"  # daily, max or emergency
    judged: tuple[Decimal, Decimal, Decimal] | None = None  # (P, q, c) when triggers were last looked at
    benchmark: Decimal = Decimal(100)
    benchmark_price: Decimal = ONE
    daily_resets: int = 0
    late_resets: int = 0
    intraday_resets: int = 0
    turnover: Decimal = ZERO
    lowest: Decimal = Decimal(100)
    terminated_at: int | None = None
    shortfall: Decimal = ZERO

    def value(self, price: Decimal) -> Decimal:
        """A = q*P + c."""
        return self.q * price + self.c

    def nav(self, price: Decimal) -> Decimal:
        """Published NAV: nothing once terminated, never negative."""
        return ZERO if self.terminated_at is not None else max(ZERO, self.value(price))

    def target(self, price: Decimal) -> Decimal:
        """g = L*A/P, or 0 at A <= 0."""
        return quantity(self.multiplier * max(ZERO, self.value(price)) / price)

    def launch(self, price: Decimal) -> None:
        """Step zero: NAV 100, the basket at target, free of cost."""
        self.q = self.goal = self.target(price)
        self.c = money(self.c - self.q * price)
        self.benchmark_price = price

    def benchmark_at(self, price: Decimal) -> Decimal:
        """b*(1 + L*return since the last fix), not below 0."""
        return max(ZERO, self.benchmark * (1 + self.multiplier * (price / self.benchmark_price - 1)))

    def fix(self, price: Decimal, *, late: bool) -> None:
        """A daily fix: the benchmark always moves, the goal while the token lives."""
        self.benchmark, self.benchmark_price = money(self.benchmark_at(price)), price
        if self.terminated_at is None:
            self.goal, self.goal_set_by = self.target(price), "daily"
            self.daily_resets += 1
            self.late_resets += late

    def sendable(self, price: Decimal) -> Decimal:
        """The want g - q in lots toward zero, nothing below the minimum."""
        want = self.goal - self.q
        if self.lot > 0:
            want = (want / self.lot).to_integral_value(ROUND_DOWN) * self.lot
        return want if abs(want) * price >= self.min_notional else ZERO

    def trigger(self, price: Decimal) -> None:
        """Step 6: de-lever when the filled basket has reached max_leverage."""
        if self.terminated_at is not None or self.max_leverage is None or self.judged == (price, self.q, self.c):
            return
        self.judged = (price, self.q, self.c)
        emergency = max(2 * abs(self.multiplier), self.max_leverage)
        exposure, value = abs(self.q * price), self.value(price)
        if exposure < self.max_leverage * value * REACHED:
            return
        name = "emergency" if exposure >= emergency * value * REACHED else "max"
        if self.sendable(price) != 0 and self.goal_set_by in {name, "emergency"}:
            return
        self.goal, self.goal_set_by = self.target(price), name
        self.intraday_resets += 1

    def fill_price(self, quantity_: Decimal, price: Decimal) -> Decimal:
        """P*(1 + sign(dQ)*slippage)."""
        return price * (1 + self.slippage.copy_sign(quantity_))

    def net(self, price: Decimal) -> Decimal:
        """Step 7: book what can be sent, whole, at the assumed price; returns the amount traded."""
        order = self.sendable(price)
        paid = self.fill_price(order, price)
        amount = abs(order) * paid
        self.q = quantity(self.q + order)
        self.c = money(self.c - order * paid - amount * self.commission)
        return amount

    def close(self, price: Decimal) -> None:
        """The terminated token's closing: the rest too small to send is valued at the assumed price."""
        self.net(price)
        self.c = money(self.c + self.q * self.fill_price(-self.q, price))
        self.shortfall = max(ZERO, -self.c)
        self.q = self.c = ZERO

    def apply(self, time: int, price: Decimal, last: tuple[int, Decimal], max_age: Decimal) -> None:
        """One input, in the specification's order of work."""
        # (1) boundaries passed: fix, benchmark, goal and assumed fills, before the input itself
        passed = time // DAY - last[0] // DAY
        boundary = time // DAY * DAY
        on_time = passed == 1 and time - boundary <= max_age and boundary - last[0] <= max_age
        if on_time:
            self.fix(last[1], late=False)
            if self.terminated_at is None:
                self.turnover += self.net(last[1])
        # (2) the input, (3) the index: one venue, fresh, so the index is the price
        # (4) A <= 0, then late resets
        ended = self.terminated_at is None and self.value(price) <= 0
        if ended:
            self.terminated_at, self.goal = time, ZERO
        if passed > 0 and not on_time:
            self.fix(price, late=True)
        # (6) triggers, (7) netting and assumed fills
        self.trigger(price)
        if ended:
            self.close(price)
        elif self.terminated_at is None:
            self.turnover += self.net(price)
        # (8) publication
        self.lowest = min(self.lowest, self.nav(price))


def checked_max(multiplier: Decimal, max_leverage: Number | None) -> Decimal | None:
    """The max_leverage setting as a number or none; refuses what is refused at load."""
    k = abs(multiplier)
    if k > 10 or 0 <= multiplier <= 1:
        raise ValueError("multiplier: L > 1 or L < 0, at most 10")
    if max_leverage is None or max_leverage == "none":
        return None
    limit = k * 4 / 3 if max_leverage == "default" else Decimal(max_leverage)
    if limit <= k:
        raise ValueError("max_leverage must be above the multiplier")
    return limit


def backtest(
    rows: Rows,
    *,
    multiplier: Number,
    max_leverage: Number | None = "default",
    max_age_s: Number = 600,
    slippage_bps: Number = 0,
    commission_bps: Number = 0,
    lot: Number = 0,
    min_notional: Number = 0,
) -> Result:
    """Simulate one token over prices or bars; what `levtao backtest` prints for it."""
    with localcontext(Context(prec=50, rounding=ROUND_HALF_EVEN)):
        lever = Decimal(multiplier)
        token = Token(
            multiplier=lever,
            max_leverage=checked_max(lever, max_leverage),
            slippage=Decimal(slippage_bps) / 10_000,
            commission=Decimal(commission_bps) / 10_000,
            lot=Decimal(lot),
            min_notional=Decimal(min_notional),
        )
        last: tuple[int, Decimal] | None = None
        for time, price in ticks(rows):
            if last is None:
                token.launch(price)
            else:
                token.apply(time, price, last, Decimal(max_age_s) * 1000)
            last = (time, price)
        if last is None:
            raise ValueError("no usable price")
        price, value = last[1], token.value(last[1])
        return Result(
            multiplier=lever,
            nav=token.nav(price),
            benchmark=token.benchmark_at(price),
            daily_resets=token.daily_resets,
            intraday_resets=token.intraday_resets,
            late_resets=token.late_resets,
            turnover=token.turnover,
            lowest_nav=token.lowest,
            terminated_at=token.terminated_at,
            shortfall=token.shortfall,
            leverage=token.q * price / value if value else ZERO,
        )


def milliseconds(text: str) -> int:
    """Epoch milliseconds or RFC 3339 (UTC when it names no zone) as epoch milliseconds."""
    if text.lstrip("-").isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY + since.seconds * 1000 + since.microseconds // 1000


def read(path: Path) -> Rows:
    """Rows of a CSV file, plain or gzipped: `time,price` or `open_time,open,high,low,close,...`, header or none."""
    data = path.read_bytes()
    data = gzip.decompress(data) if path.suffix == ".gz" else data
    cells = [line.split(",") for line in data.decode().split()]
    body = cells[1:] if cells and cells[0][0] in {"time", "open_time"} else cells
    if body and len(body[0]) == 2:
        return [(milliseconds(row[0]), row[1]) for row in body]
    return [(milliseconds(row[0]), row[1], row[2], row[3], row[4]) for row in body]


def main() -> None:
    """Print one JSON object per multiplier."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prices", type=Path, required=True)
    parser.add_argument("--multiplier", action="append", required=True)
    parser.add_argument("--max-leverage", default="default")
    parser.add_argument("--max-age", dest="max_age_s", default="600")
    for option in ("slippage-bps", "commission-bps", "lot", "min-notional"):
        parser.add_argument(f"--{option}", default="0")
    options = vars(parser.parse_args())
    rows = read(options.pop("prices"))
    for multiplier in options.pop("multiplier"):
        result = backtest(rows, multiplier=multiplier, **options)
        shown = {key: f"{value:.18f}" if isinstance(value, Decimal) else value for key, value in result.items()}
        sys.stdout.write(json.dumps(shown) + "\n")


if __name__ == "__main__":
    main()
