"""One order at a venue as a state machine: what is known of it, and what is to be done next. No clock, no network.

The law: the venue books an order at most once, and its end is reported only when every fill of it has been.

| state | what is known | what is done | which leads to |
| --- | --- | --- | --- |
| `unknown` | nothing: it may have been placed before | ask by client id | `open`, `closed`, `absent`; in doubt itself |
| `absent` | asked just now: not there, nothing under way | place it, or end it unplaced | `there`, `unknown`, `ended` |
| `there` | the venue has it or had it: never placed again | ask | `open`, `closed` |
| `open` | it can still be filled | ask; cancel when its time is over | `open`, `closed`; `there` after a cancel |
| `closed` | nothing more will be filled | ask until the fills add up | `ended` |
| `ended` | its end is reported | nothing | |

- Only `absent` places, and only a fresh "missing" leads there. Binance refuses a client order id only while its first
  order is open: one that was filled at once would be doubled by sending it again. So the venue's refusal of duplicates
  is no guard; having asked is.
- "Missing" is no proof while an earlier placing may still arrive: that is until the venue would not take it any more,
  `settle` after its answer was given up, or after this process took over. Until then the order is in doubt.
- A placing that is refused as a duplicate leads to `there`. Any other refusal is believed after asking once more, for
  refusals of duplicates have many spellings.
- A placing the venue had no time for (too many requests) was not booked; one without a clear answer may have been.
- Expiry is by the wall clock, all waiting by the steady one: a clock that is set does not shorten a doubt.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from consumers.execution.deeds import (
    Ask,
    Busy,
    Cancel,
    Deed,
    Done,
    End,
    Heard,
    Missing,
    Now,
    Place,
    Placed,
    Refused,
    Report,
    Seen,
    Stop,
    Trade,
    Unclear,
    Wait,
)
from consumers.execution.ticket import Ticket
from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.domain.numbers import ZERO

POLL = 500 * MILLISECOND
LONGEST_WAIT = 10 * SECOND
FRESH = 2 * SECOND
"""A "missing" older than this is asked again before placing: the process may have been frozen."""
MARGIN = 2 * SECOND
"""Nothing is placed so near to its expiry."""

State = Literal["unknown", "absent", "there", "open", "closed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What is known of an order. Instants are of the steady clock."""

    ticket: Ticket
    settle: int
    """How long after a placing without an answer the venue may still book it, in microseconds."""
    state: State = "unknown"
    doubt_until: Instant = 0
    """Until then an earlier placing may arrive."""
    again_at: Instant = 0
    """The venue is asked nothing before."""
    absent_at: Instant = 0
    """When the venue said that it does not have it."""
    troubles: int = 0
    """Answers in a row that were none."""
    refusal: str | None = None
    """Why it cannot be placed."""
    stop: Stop | None = None
    seen: Seen | None = None
    trades: dict[str, Trade] = field(default_factory=dict)
    reported: frozenset[str] = frozenset()

    @property
    def counted(self) -> Decimal:
        """How much the known trades that can be booked add up to, in contracts."""
        return sum((trade.contracts for trade in self.trades.values() if trade.commission is not None), ZERO)

    @property
    def unreported(self) -> tuple[Trade, ...]:
        """Trades that can be booked and are not in the log yet."""
        known = self.trades.values()
        return tuple(each for each in known if each.commission is not None and each.trade_id not in self.reported)


def next_deed(order: Working, now: Now) -> Deed | None:
    """What is to be done next; None when the order has ended."""
    if order.state == "ended":
        return None
    if order.unreported:
        return Report(order.unreported)
    if order.state == "closed" and order.seen is not None and order.counted == order.seen.filled:
        return _end_of_closed(order, order.seen, now)
    if order.state == "absent" and now.steady < order.absent_at + FRESH:
        return _end_of_unplaced(order, now) or Place()
    if order.state == "open" and (order.stop is not None or now.wall >= order.ticket.expires):
        return Cancel()
    if now.steady < order.again_at:
        wait = order.again_at - now.steady
        return Wait(min(wait, order.ticket.expires - now.wall) if order.state == "open" else wait)
    return Ask(order.counted)


def hear(order: Working, deed: Deed, heard: Heard, began: Instant, now: Now) -> Working:
    """What is known after `heard`, the answer to `deed`, which began at `began` of the steady clock."""
    match heard:
        case Stop():
            return order if order.stop is not None else replace(order, stop=heard, again_at=now.steady)
        case Missing():
            return _missing(order, began, now)
        case Seen():
            state: State = "open" if heard.status == "open" else "closed"
            trades = order.trades | {trade.trade_id: trade for trade in heard.trades}
            known = replace(order, state=state, seen=heard, trades=trades, refusal=None, troubles=0)
            unbookable = any(trade.commission is None for trade in trades.values())
            return replace(known, again_at=now.steady + (LONGEST_WAIT if unbookable and state == "closed" else POLL))
        case Placed():
            return replace(order, state="there", again_at=now.steady, troubles=0)
        case Refused():
            return replace(order, state="unknown", refusal=heard.reason, again_at=now.steady)
        case Busy() | Unclear():
            return _later(_after_nothing(order, deed, heard, now), now)
        case Done():
            return _done(order, deed, now)


def _missing(order: Working, began: Instant, now: Now) -> Working:
    """Where the venue had it, that is a lag: ask on. Else it is absent, once no earlier placing can arrive."""
    if order.state not in ("unknown", "absent"):
        return _later(order, now)
    if began < order.doubt_until:
        return replace(order, again_at=now.steady + POLL)
    return replace(order, state="absent", absent_at=now.steady)


def _done(order: Working, deed: Deed, now: Now) -> Working:
    match deed:
        case Report():
            return replace(order, reported=order.reported | {trade.trade_id for trade in deed.trades})
        case End():
            return replace(order, state="ended")
        case Cancel():
            return replace(order, state="there", again_at=now.steady + POLL // 2, troubles=0)
        case _:
            return order


def _after_nothing(order: Working, deed: Deed, heard: Busy | Unclear, now: Now) -> Working:
    """What a deed without an answer leaves: a placing has to be asked for, and may still arrive if it is unclear."""
    match deed:
        case Place():
            doubt = now.steady + order.settle if isinstance(heard, Unclear) else order.doubt_until
            return replace(order, state="unknown", doubt_until=doubt)
        case Cancel():
            return replace(order, state="there")
        case _:
            return order


def _later(order: Working, now: Now) -> Working:
    """Ask again, but each time later."""
    wait: int = min(POLL << min(order.troubles, 10), LONGEST_WAIT)
    return replace(order, again_at=now.steady + wait, troubles=order.troubles + 1)


def _end_of_unplaced(order: Working, now: Now) -> End | None:
    """Why an order the venue does not have is not placed, None where it is to be."""
    if order.refusal is not None:
        return End("rejected", order.refusal)
    if order.stop is not None:
        return End(order.stop.unplaced, order.stop.reason)
    if now.wall + MARGIN >= order.ticket.expires:
        return End("expired", "past its expiry, or too near to it, and the venue does not have it")
    return None


def _end_of_closed(order: Working, seen: Seen, now: Now) -> End:
    """How an order ended of which every fill is reported."""
    ticket = order.ticket
    if seen.filled * ticket.unit == ticket.quantity:
        return End("filled", "")
    if seen.filled == ticket.contracts:
        return End("cancelled", "filled; the rest is no whole lot, or more than the venue takes at once")
    if order.stop is not None:
        return End("cancelled", order.stop.reason)
    if seen.status == "rejected":
        return End("rejected", "the venue took it and then rejected it")
    if not ticket.resting or seen.status == "expired":
        return End("expired", "what was left was not there at the limit")
    if now.wall >= ticket.expires:
        return End("expired", "cancelled at its expiry")
    return End("cancelled", "by the venue, unasked")
