"""What goes wrong at a venue of the stand-in, next or until it is put right."""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Action = Literal[
    "time", "markets", "ticker", "mark", "funding", "open_interest",
    "create", "query", "cancel", "trades", "open_orders", "income", "balance", "positions", "stream",
]  # fmt: skip
"""What a REST request is for, the same names at every venue."""


@dataclass(frozen=True, slots=True)
class RateLimited:
    """429 as the venue sends it: Binance -1003, the only one with Retry-After; OKX 50011; Bybit 10006."""

    retry_after_s: int = 1
    done: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ServerError:
    """A gateway's HTML page with this status."""

    status: int = 503
    done: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused by the venue: insufficient balance, a filter, or a market that is halted."""

    reason: Literal["balance", "quantity", "price", "notional", "halted"] = "balance"
    done: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The request is carried out, and the connection closed before the answer."""

    done: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class RequestLost:
    """The connection is closed before the request is carried out."""

    done: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Hangs:
    """No answer until the client gives up; carried out first if `done`."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class NotJson:
    """Status 200 and a page."""

    done: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A venue's own 'try again' with an unknown outcome, carried out if `done` (Binance 503 -1007; OKX 50004)."""

    done: bool = True


RestFault = RateLimited | ServerError | Rejected | AnswerLost | RequestLost | Hangs | NotJson | Unavailable


@dataclass(slots=True)
class Faults:
    """The faults of one venue. Fields hold until they are set back; `on` is for the next requests.

    Faults of what is pushed are methods of the venue: `disconnect`, `burst`, `send_text`, `send_nan`, `repeat`,
    `send_older`, and `quote` with a crossed book, a stale `time_ms`, `NaN` or a negative price.
    """

    silent: bool = False
    """Websockets are accepted, subscriptions too, and nothing is sent: no confirmation, no pong, no quote."""
    refuses_websockets: int = 0
    """The HTTP status a handshake is refused with, 429 or 503; 0 lets them in."""
    clock_skew_ms: int = 0
    """How far the venue's clock is off: in every time it states, and in the times it takes signed requests at."""
    refuses_keys: bool = False
    """Every request that has to be signed is refused, as one with a key that is not known."""
    delay_s: float = 0
    """Every answer over REST comes so much later."""
    planned: dict[Action, deque[RestFault]] = field(default_factory=dict)

    def on(self, action: Action, fault: RestFault, times: int = 1) -> None:
        """The next `times` requests for the action meet the fault, after those already planned."""
        self.planned.setdefault(action, deque()).extend([fault] * times)

    def take(self, action: Action) -> RestFault | None:
        """The fault the request meets."""
        waiting = self.planned.get(action)
        return waiting.popleft() if waiting else None
