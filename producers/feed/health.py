"""How a venue is: a metric all the time, a log line when it changes."""

from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

import structlog

from engine.metrics import FEED_AGE_SECONDS, FEED_CONNECTIONS_LOST, FEED_GAP_SECONDS, FEED_STATE

State = Literal["connecting", "up", "silent", "down"]

Cause = Literal["closed", "silent", "rate_limited", "failed"]
"""Why a connection was given up."""

STEADY_S = 30.0

_log = structlog.get_logger("levtao")


@dataclass(slots=True)
class Health:
    """The state of one venue and the ages of its markets, on the machine's monotonic clock."""

    venue: str
    state: State = "connecting"
    _began: float = field(default_factory=monotonic)
    _since: float = field(default_factory=monotonic)
    _last: dict[str, float] = field(default_factory=dict)
    _lacking: list[str] = field(default_factory=list)

    def watch(self, market: str) -> None:
        """Show the age of a market's last quote; before the first it is that of the feed."""
        FEED_STATE.labels(self.venue).state(self.state)
        FEED_AGE_SECONDS.labels(self.venue, market).set_function(lambda: self.age_s(market))

    def age_s(self, market: str) -> float:
        """Seconds since the market's last sound quote."""
        return monotonic() - self._last.get(market, self._began)

    def is_steady(self) -> bool:
        """Whether it has been up for so long that its last trouble is over."""
        return self.state == "up" and monotonic() - self._since >= STEADY_S

    def lacks(self, symbols: list[str]) -> None:
        """The venue has no such markets; its others go on."""
        if symbols != self._lacking and symbols:
            _log.warning("feed_unknown_symbols", venue=self.venue, symbols=symbols)
        self._lacking = symbols

    def quoted(self, market: str) -> None:
        """A sound quote came."""
        if self.state != "up":
            gap_s = monotonic() - max(self._last.values(), default=self._began)
            if self._last:
                FEED_GAP_SECONDS.labels(self.venue).inc(gap_s)
            self._change("up", gap_s=round(gap_s, 3))
        self._last[market] = monotonic()

    def lost(self, cause: Cause, reason: str) -> None:
        """The connection is given up."""
        FEED_CONNECTIONS_LOST.labels(self.venue, cause).inc()
        self._change("silent" if cause == "silent" else "down", cause=cause, reason=reason)

    def _change(self, state: State, **why: object) -> None:
        if state == self.state:
            return
        before, self.state, self._since = self.state, state, monotonic()
        FEED_STATE.labels(self.venue).state(state)
        say = _log.info if state == "up" else _log.warning
        say("feed", venue=self.venue, state=state, before=before, **why)
