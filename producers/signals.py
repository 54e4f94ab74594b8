"""Watches what exchanges say beside prices, and tells desks when it jumps: open interest, volume, funding.

A signal decides nothing; it reaches the desks and the audit. The watcher is pure: observations in, signals out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.fields import Digits
from engine.domain.inputs import SignalObserved
from engine.domain.instants import SECOND, Instant
from engine.domain.numbers import exact
from producers.feed.observations import Funding, Observation, OpenInterest, Volume

SOURCE = "levtao feed"
LARGEST_CHANGE = Decimal("1E+9")
KEPT = 4_096
"""So many values of a venue are kept at most; in a window with more the oldest are forgotten early."""

Kind = Literal["open_interest", "volume", "funding_divergence"]
Threshold = Annotated[Decimal, Digits(whole=6, places=18, above_zero=True)]


class WatchSettings(BaseModel):
    """When a jump is worth a desk's attention."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    window_s: int = Field(default=3_600, ge=1)
    """A jump is what happened within so many seconds; the same one, the same way, is told again no sooner."""
    open_interest_jump: Threshold = Decimal("0.1")
    """Open interest of a venue changed by this share of what it was, either way."""
    volume_jump: Threshold = Decimal("0.5")
    """A venue's volume of 24 hours changed by this share of what it was, either way."""
    funding_divergence: Threshold = Decimal("0.0005")
    """Two venues' funding rates lie this far apart, each over eight hours."""


class _Value(NamedTuple):
    received: Instant
    """By our clock: a venue's may say anything."""
    value: Decimal


@dataclass(slots=True)
class Watcher:
    """Remembers a window of each venue's figures, and the last funding rate of each."""

    settings: WatchSettings = field(default_factory=WatchSettings)
    _series: dict[tuple[Kind, str, str], deque[_Value]] = field(default_factory=dict)
    _rates: dict[str, dict[str, _Value]] = field(default_factory=dict)
    _told: dict[tuple[Kind, str, str], Instant] = field(default_factory=dict)

    def observe(self, seen: Observation) -> list[SignalObserved]:
        """What a desk should know of it, if anything."""
        with exact():
            match seen:
                case OpenInterest():
                    return list(self._jump("open_interest", seen, seen.amount, seen.underlying))
                case Volume():
                    return list(self._jump("volume", seen, seen.quote_volume, "in quote currency over 24 hours"))
                case Funding(realised=False):
                    return list(self._divergence(seen))
                case _:
                    return []

    def _jump(
        self, kind: Literal["open_interest", "volume"], seen: OpenInterest | Volume, value: Decimal, unit: str
    ) -> Iterator[SignalObserved]:
        """The value against the lowest and the highest of the window, whichever lies further away."""
        series = self._series.setdefault((kind, seen.underlying, seen.venue), deque(maxlen=KEPT))
        while series and series[0].received <= seen.received - self._window:
            series.popleft()
        ends = {edge((each.value for each in series), default=value) for edge in (min, max)}
        series.append(_Value(seen.received, value))
        change = min(max((value / end - 1 for end in ends if end), key=abs, default=Decimal(0)), LARGEST_CHANGE)
        way = "up" if change > 0 else "down"
        threshold = self.settings.open_interest_jump if kind == "open_interest" else self.settings.volume_jump
        if abs(change) < threshold or self._is_told((kind, seen.underlying, f"{seen.venue} {way}"), seen.received):
            return
        minutes = self.settings.window_s // 60
        text = (
            f"{seen.venue}: {kind.replace('_', ' ')} {way} {abs(change):.1%} within {minutes} min, to {value:f} {unit}"
        )
        yield SignalObserved(seen.underlying, kind, SOURCE, text, _ratio(change))

    def _divergence(self, seen: Funding) -> Iterator[SignalObserved]:
        """The venue whose rate lies furthest from this one, of those heard of within the window."""
        rates = self._rates.setdefault(seen.underlying, {})
        rates[seen.venue] = _Value(seen.received, seen.rate * 8 / seen.interval_h)
        fresh = {venue: rate.value for venue, rate in rates.items() if rate.received > seen.received - self._window}
        mine = fresh[seen.venue]
        other = max(fresh, key=lambda venue: (abs(fresh[venue] - mine), venue))
        apart = mine - fresh[other]
        pair = "/".join(sorted((seen.venue, other)))
        if abs(apart) < self.settings.funding_divergence:
            return
        if self._is_told(("funding_divergence", seen.underlying, pair), seen.received):
            return
        text = f"funding over 8 hours: {seen.venue} {mine:.4%}, {other} {fresh[other]:.4%}"
        yield SignalObserved(seen.underlying, "funding_divergence", SOURCE, text, _ratio(apart))

    @property
    def _window(self) -> Instant:
        return self.settings.window_s * SECOND

    def _is_told(self, what: tuple[Kind, str, str], time: Instant) -> bool:
        """Whether it was told within the window; if not, it is from now on."""
        told = self._told.get(what)
        if told is not None and told > time - self._window:
            return True
        self._told[what] = time
        return False


def _ratio(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.000001"))
