"""A seeded path through the figures of a day, quoted by several venues: for the demo and for anyone to try things on.

The path is a Brownian bridge in the logarithm of the price from figure to figure, so it passes through each exactly
and never leaves the day's range.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import exp, log, sqrt
from random import Random
from typing import NamedTuple

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import SECOND, Instant, parse_instant

VENUES = ("binance", "bybit", "okx")
HALF_SPREAD = 0.0002


class Figure(NamedTuple):
    """A price that is known at a time of the day, and how restless the way there is, per square root of a second."""

    clock: str
    price: float
    restlessness: float


class Stretch(NamedTuple):
    """From a time of the day on: seconds between two quotes of a venue, and how many event seconds a second shows."""

    clock: str
    step_s: float
    speed: float


@dataclass(frozen=True, slots=True)
class Day:
    """A day of one underlying: its figures, from the first to the last."""

    underlying: str
    date: str
    figures: tuple[Figure, ...]
    places: int

    def at(self, clock: str) -> Instant:
        """A time of this day; 24:05 is five minutes into the next."""
        hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
        return parse_instant(f"{self.date}T00:00:00Z") + (hours * 3600 + minutes * 60 + seconds) * SECOND


TAO_CRASH = Day(
    "TAO",
    "2025-10-10",
    (
        Figure("00:00", 347.1, 0.0),
        Figure("13:40", 398.0, 0.00008),
        Figure("20:50", 352.0, 0.00008),
        Figure("21:10", 318.0, 0.0004),
        Figure("21:17", 231.0, 0.0012),
        Figure("21:18:20", 140.0, 0.002),
        Figure("21:24", 236.0, 0.0025),
        Figure("21:48", 310.0, 0.0008),
        Figure("24:00", 290.7, 0.0001),
        Figure("24:05", 291.5, 0.0001),
    ),
    places=1,
)
"""The figures of TAO's 10 October 2025: open 347.1, high 398.0, low 140.0 shortly after 21:18 UTC, back at 310 half an
hour later, close 290.7. What lies between them is made up."""

BTC_CRASH = Day(
    "BTC",
    "2025-10-10",
    (
        Figure("00:00", 121_700.0, 0.0),
        Figure("20:50", 117_500.0, 0.00003),
        Figure("21:18:20", 104_500.0, 0.0002),
        Figure("21:48", 113_000.0, 0.0002),
        Figure("24:05", 112_800.0, 0.00003),
    ),
    places=0,
)

PACE = (Stretch("00:00", 20.0, 3_000.0), Stretch("21:05", 1.0, 120.0), Stretch("21:50", 20.0, 1_500.0))
"""The crash in slow motion, the rest of the day in passing."""


class TimedQuotes(NamedTuple):
    """Quotes of one instant, and how many event seconds a second shows there."""

    time: Instant
    speed: float
    quotes: list[QuoteObserved]


def quotes(days: Sequence[Day], pace: Sequence[Stretch], seed: int) -> Iterator[TimedQuotes]:
    """The days side by side, all venues quoting all underlyings at every step."""
    random = Random(seed)  # noqa: S311 - a made-up market, reproducible on purpose
    paths = {day.underlying: _path(day, list(_times(day, pace)), Random(f"{seed}/{day.underlying}")) for day in days}  # noqa: S311
    for step in zip(*paths.values(), strict=True):
        time, speed, _ = step[0]
        found = [
            _quote(day, venue, time, price, random)
            for day, (_, _, price) in zip(days, step, strict=True)
            for venue in VENUES
        ]
        yield TimedQuotes(time, speed, found)


def _times(day: Day, pace: Sequence[Stretch]) -> Iterator[tuple[Instant, float]]:
    last = day.at(day.figures[-1].clock)
    ends = [day.at(stretch.clock) for stretch in pace[1:]] + [last]
    time = day.at(pace[0].clock)
    for stretch, end in zip(pace, ends, strict=True):
        while time < end:
            yield time, stretch.speed
            time += round(stretch.step_s * SECOND)
    yield last, pace[-1].speed


def _path(day: Day, times: list[tuple[Instant, float]], random: Random) -> Iterator[tuple[Instant, float, float]]:
    """The price at each time: a bridge from the last figure to the next."""
    figures = [(day.at(figure.clock), log(figure.price), figure.restlessness) for figure in day.figures]
    low, high = min(level for _, level, _ in figures), max(level for _, level, _ in figures)
    now, level = figures[0][0], figures[0][1]
    for time, speed in times:
        for at, target, restlessness in figures[1:]:
            if now >= at or now >= time:
                continue
            until = min(at, time)
            level = _bridge(level, target, (until - now) / SECOND, (at - now) / SECOND, restlessness, random)
            now = until
        yield time, speed, exp(min(max(level, low), high))


def _bridge(level: float, target: float, step_s: float, left_s: float, restlessness: float, random: Random) -> float:
    if step_s >= left_s:
        return target
    drift = (target - level) * step_s / left_s
    return level + drift + restlessness * sqrt(step_s * (left_s - step_s) / left_s) * random.gauss(0, 1)


def _quote(day: Day, venue: str, time: Instant, price: float, random: Random) -> QuoteObserved:
    mid = price * (1 + random.gauss(0, 0.00015))
    tick = 10.0**-day.places
    bid = max(tick, round(mid * (1 - HALF_SPREAD), day.places))
    ask = max(bid + tick, round(mid * (1 + HALF_SPREAD), day.places))
    return QuoteObserved(
        day.underlying, venue, time, Decimal(f"{bid:.{day.places}f}"), Decimal(f"{ask:.{day.places}f}")
    )
