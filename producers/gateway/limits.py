"""How often somebody may ask: a bucket of tokens each, that refills by the clock. The table of them is bounded."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Limiter:
    """Buckets of `burst` tokens that refill at `per_s`. Of more than `most` askers the longest silent is forgotten."""

    per_s: float
    burst: int
    most: int = 10_000
    clock: Callable[[], float] = monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, who: str) -> float:
        """Take a token: 0, or the seconds until there is one; then none is taken."""
        left = self._left(who)
        self._put(who, left - 1 if left >= 1 else left)
        return 0.0 if left >= 1 else (1 - left) / self.per_s

    def _left(self, who: str) -> float:
        now = self.clock()
        left, since = self._buckets.get(who, (float(self.burst), now))
        return min(float(self.burst), left + (now - since) * self.per_s)

    def _put(self, who: str, left: float) -> None:
        self._buckets[who] = (left, self.clock())
        self._buckets.move_to_end(who)
        if len(self._buckets) > self.most:
            self._buckets.popitem(last=False)
