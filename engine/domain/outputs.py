"""Outputs: everything the core says. Each names what was decided, at which price, and what it changed.

Where an output goes is its `stream`; identity, sequence, time and cause are put around it by the machine.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.domain.fields import Amount, Count, Level, Moment, Name, Ratio, Reference, Size, Words
from engine.domain.terms import Fills

RULES_VERSION = "1"
"""Changes whenever the same inputs would give other outputs."""

Stream = Literal["orders", "events", "navs"]
Side = Literal["buy", "sell"]
Purpose = Literal["rebalance", "creation", "redemption"]
Cause = Literal["reset", "intraday", "closing", "flow"]
"""Why a quantity was traded: what a rebalance is attributed to."""

Trigger = Literal["max_leverage", "min_leverage", "emergency_leverage"]
Status = Literal["listed", "live", "terminated", "closed"]
Outcome = Literal["filled", "expired", "cancelled", "rejected", "overdue"]
NoIndex = Literal["too_few_venues", "divergent"]
Refusal = Literal[
    "time_in_future",
    "time_going_backwards",
    "crossed_quote",
    "unknown_venue",
    "too_many_venues",
    "unknown_token",
    "unknown_order",
    "duplicate_fill",
    "fill_exceeds_order",
    "too_many_fills",
    "order_already_ended",
    "terms_version_not_newer",
    "terms_not_changeable",
    "effective_in_past",
    "unknown_request",
    "duplicate_request",
    "duplicate_delivery",
    "request_not_open",
    "too_many_requests",
    "too_many_participants",
    "units_not_as_requested",
    "duplicate_funding",
    "funding_too_late",
    "funding_off_minute",
    "funding_amount_not_assumed",
    "already_halted",
    "not_halted",
    "not_live",
    "unknown_fork",
    "duplicate_fork",
    "fork_out_of_order",
    "claim_not_open",
    "claim_exceeds_entitlement",
    "duplicate_claim",
    "bad_ratio",
]


@dataclass(frozen=True, slots=True)
class CountedQuote:
    """One venue's part in an index price."""

    venue: Name
    mid: Level
    time: Moment


@dataclass(frozen=True, slots=True)
class Allocation:
    """A token's signed part of an order, a fill or a cross, in underlying units; a flow's names its request."""

    token: Name
    purpose: Purpose
    quantity: Amount
    request: Reference | None = None


@dataclass(frozen=True, slots=True)
class BookedShare:
    """What a fill or cross moved for one token: signed basket and cash, commission in the cash."""

    token: Name
    purpose: Purpose
    quantity: Amount
    cash: Amount
    request: Reference | None = None
    to_issuer: bool = False
    """The token or request had been paid out: this is the issuer's."""


@dataclass(frozen=True, slots=True)
class OrderSent:
    """Trade this, at this limit, before it expires. Allocations sum to the order exactly."""

    underlying: Name
    order_id: Reference
    side: Side
    quantity: Size
    limit_price: Level
    expires: Moment
    urgent: bool
    fills: Fills
    decision_price: Level
    basis: tuple[CountedQuote, ...]
    allocations: tuple[Allocation, ...]
    crosses: tuple[Allocation, ...]
    terms_version: Count
    type: Literal["order_sent"] = "order_sent"
    stream: ClassVar[Stream] = "orders"


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Stop working this order and report its end."""

    underlying: Name
    order_id: Reference
    reason: Words
    type: Literal["cancel_requested"] = "cancel_requested"
    stream: ClassVar[Stream] = "orders"


@dataclass(frozen=True, slots=True)
class UnderlyingTermsChanged:
    """The book of the underlying runs by these terms from here on."""

    underlying: Name
    terms_version: Count
    by: Words
    reason: Words
    type: Literal["underlying_terms_changed"] = "underlying_terms_changed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TokenTermsChanged:
    """The token runs by these terms from here on; the first time it is listed."""

    underlying: Name
    token: Name
    multiplier: Ratio
    terms_version: Count
    by: Words
    reason: Words
    type: Literal["token_terms_changed"] = "token_terms_changed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TokenLaunched:
    """The first units of a series exist: initial NAV, benchmark and rule value start at this price."""

    underlying: Name
    token: Name
    series: Count
    units: Size
    nav: Level
    price: Level
    basket: Amount
    cash: Amount
    type: Literal["token_launched"] = "token_launched"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class FixTaken:
    """The fix of the daily boundary; `boundaries` counts those it serves, `late` says it came after."""

    underlying: Name
    boundary: Moment
    boundaries: Count
    late: bool
    price: Level
    basis: tuple[CountedQuote, ...]
    type: Literal["fix_taken"] = "fix_taken"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TokenReset:
    """The daily reset of one token: from here the goal is target leverage at the fix."""

    underlying: Name
    token: Name
    boundary: Moment
    boundaries: Count
    late: bool
    price: Level
    equity: Amount
    leverage: Ratio | None
    goal: Amount
    want: Amount
    benchmark: Amount
    rule_value: Amount
    type: Literal["token_reset"] = "token_reset"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RebalanceTriggered:
    """A leverage limit was reached between resets; `with_index` is false when every usable venue alone said so."""

    underlying: Name
    token: Name
    trigger: Trigger
    limit: Ratio
    with_index: bool
    price: Level
    equity: Amount
    leverage: Ratio | None
    goal: Amount
    want: Amount
    rule_value: Amount
    type: Literal["rebalance_triggered"] = "rebalance_triggered"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class WantsCrossed:
    """Opposite wants of tokens met at the index price without the market. Quantities sum to zero."""

    underlying: Name
    price: Level
    shares: tuple[BookedShare, ...]
    type: Literal["wants_crossed"] = "wants_crossed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class FillBooked:
    """A fill is in the baskets; `late` means its order had ended."""

    underlying: Name
    order_id: Reference
    fill_id: Reference
    side: Side
    quantity: Size
    price: Level
    commission: Amount
    late: bool
    shares: tuple[BookedShare, ...]
    type: Literal["fill_booked"] = "fill_booked"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """Nothing of the order is out any more; `overdue` is an alert: the executor never reported."""

    underlying: Name
    order_id: Reference
    outcome: Outcome
    filled: Size
    unfilled: Size
    detail: Words
    type: Literal["order_ended"] = "order_ended"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class WantAbandoned:
    """Alert: tried as often as the terms allow. A reset's rest stays as drift, a creation's is not bought any more."""

    underlying: Name
    token: Name
    tries: Count
    rest: Amount
    request: Reference | None = None
    type: Literal["want_abandoned"] = "want_abandoned"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class IndexLost:
    """No index price: resets and orders wait, and go on by themselves."""

    underlying: Name
    reason: NoIndex
    type: Literal["index_lost"] = "index_lost"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class IndexRegained:
    """There is an index price again."""

    underlying: Name
    price: Level
    type: Literal["index_regained"] = "index_regained"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TokenTerminated:
    """The token ends: units stop, the basket is sold. Its value is gone, or it was wound down."""

    underlying: Name
    token: Name
    reason: Literal["value_gone", "wound_down"]
    with_index: bool
    price: Level
    equity: Amount
    type: Literal["token_terminated"] = "token_terminated"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TokenClosed:
    """The basket is closed: holders get `final_value` a unit, the issuer bears `shortfall`."""

    underlying: Name
    token: Name
    units: Size
    final_value: Amount
    shortfall: Amount
    type: Literal["token_closed"] = "token_closed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class InputRefused:
    """The input at this position was not taken, and nothing but this event came of it.

    One exception: a crossed quote is still its venue's last, so the venue does not count until its next one.
    """

    underlying: Name
    reason: Refusal
    input_type: Name
    detail: Words
    type: Literal["input_refused"] = "input_refused"
    stream: ClassVar[Stream] = "events"


# Not frozen, unlike its kin: making a frozen one takes four times as long, and most outputs are of this kind.
@dataclass(slots=True)
class NavPublished:
    """What a desk needs to know of a token now. Per unit: nav, inav, benchmark, rule value."""

    underlying: Name
    token: Name
    status: Status
    nav: Amount | None
    """Null without an index."""
    inav: Amount | None
    """The same formula on the last quotes, however old; null before the first."""
    inav_venues: Count
    inav_age_ms: Count
    inav_dispersion: Ratio
    price: Level | None
    leverage: Ratio | None
    drift: Ratio | None
    units: Size
    basket: Amount
    cash: Amount
    goal: Amount
    open: Amount
    benchmark: Amount
    rule_value: Amount
    tracking_difference: Ratio | None
    premium: Ratio | None
    """Token bid / NAV - 1, with an index and a token quote under ten seconds old."""
    discount: Ratio | None
    """Token ask / NAV - 1, likewise."""
    accrued_fee: Amount
    """Not yet paid out of the cash; NAV is net of it."""
    halted: bool
    next_reset: Moment
    zero_price: Amount | None
    """NAV is zero here; null when no positive price does it."""
    max_leverage_price: Amount | None
    emergency_price: Amount | None
    min_leverage_price: Amount | None
    terms_version: Count
    type: Literal["nav_published"] = "nav_published"
    stream: ClassVar[Stream] = "navs"
