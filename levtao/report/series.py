"""Series of values over time: what held at an instant, days, draw-downs, and thinning that keeps extremes.

Times are microseconds since 1970 in arrays that never fall. All of it is statistics for the eye: floats.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.domain.instants import DAY, Instant
from producers.prices import Tick

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]


@dataclass(slots=True)
class Tape:
    """Prices in the order they came."""

    times: "array[int]" = field(default_factory=lambda: array("q"))
    prices: "array[float]" = field(default_factory=lambda: array("d"))

    def watch(self, ticks: Iterable[Tick]) -> Iterator[Tick]:
        """Pass the ticks on and keep them."""
        for tick in ticks:
            self.times.append(tick.time)
            self.prices.append(float(tick.price))
            yield tick

    def arrays(self) -> tuple[Times, Floats]:
        """Times and prices."""
        return np.array(self.times, dtype=np.int64), np.array(self.prices)


BUCKETS = 700
"""A chart is at most about so many pixels wide; more points would not be seen."""


def as_of(times: Times, values: Floats, at: Times) -> Floats:
    """The last value at or before each instant; not a number before the first."""
    found = np.searchsorted(times, at, side="right") - 1
    return np.where(found >= 0, values[np.maximum(found, 0)], np.nan)


def day_marks(first: Instant, last: Instant, fixes: set[Instant]) -> Times:
    """The instants between which a day's return is measured: start, every fix, end. Without fixes midnights."""
    inside = sorted(fix for fix in fixes if first < fix <= last)
    if not inside:
        inside = list(range((first // DAY + 1) * DAY, last + 1, DAY))
    return np.unique(np.array([first, *inside, last], dtype=np.int64))


def returns(values: Floats) -> Floats:
    """Simple returns from value to value; not a number from a value of 0 on."""
    before = values[:-1]
    return np.where(before > 0, values[1:] / np.where(before > 0, before, 1), np.nan) - 1


def drawdown(values: Floats) -> Floats:
    """How far below its highest value so far, as a share of it: 0 or negative."""
    if not len(values):
        return values
    peak = np.fmax.accumulate(values)
    return np.where(peak > 0, values / np.where(peak > 0, peak, 1), np.nan) - 1


def realised_variance(prices: Floats) -> Floats:
    """The running sum of squared log returns, 0 at the first price: sigma^2 * T as it was."""
    moves = np.diff(np.log(prices))
    return np.concatenate([[0.0], np.cumsum(np.nan_to_num(moves) ** 2)])


def thin(times: Times, values: Floats, buckets: int = BUCKETS) -> tuple[Times, Floats]:
    """At most two points in each of `buckets` stretches of time: the lowest and the highest, and both ends.

    Extremes are kept exactly, so a crash of one tick stays on the chart.
    """
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if len(times) <= 2 * buckets:
        return times, values
    span = max(int(times[-1] - times[0]), 1)
    bucket = (times - times[0]) * buckets // (span + 1)
    by_value = np.lexsort((values, bucket))
    edges = np.flatnonzero(np.diff(bucket[by_value])) + 1
    lowest = by_value[np.concatenate([[0], edges])]
    highest = by_value[np.concatenate([edges - 1, [len(times) - 1]])]
    kept = np.unique(np.concatenate([lowest, highest, [0, len(times) - 1]]))
    return times[kept], values[kept]


def range_of(times: Times, values: Floats, start: Instant, end: Instant) -> tuple[float, float]:
    """The lowest and highest value from `start` (inclusive) to `end` (exclusive); not numbers where there is none."""
    low, high = np.searchsorted(times, [start, end])
    found = values[low:high]
    found = found[np.isfinite(found)]
    return (float(found.min()), float(found.max())) if len(found) else (np.nan, np.nan)
