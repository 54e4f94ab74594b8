"""How long to wait before a venue is connected to anew."""

from dataclasses import dataclass
from random import uniform

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
LONGEST_LIMITED_PAUSE_S = 30.0
"""Where the venue says that it is asked too often."""


@dataclass(slots=True)
class Backoff:
    """Pauses about doubling, with jitter, bounded."""

    _bound_s: float = FIRST_PAUSE_S

    def pause_s(self, *, limited: bool) -> float:
        """Seconds to wait before the next try."""
        bound_s = min(self._bound_s, LONGEST_LIMITED_PAUSE_S if limited else LONGEST_PAUSE_S)
        self._bound_s = min(2 * self._bound_s, LONGEST_LIMITED_PAUSE_S)
        return uniform(bound_s / 2, bound_s)  # noqa: S311 - so that many do not come back at once

    def reset(self) -> None:
        """All has been well for a while: begin anew."""
        self._bound_s = FIRST_PAUSE_S
