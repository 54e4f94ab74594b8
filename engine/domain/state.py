"""Durable state of one underlying: the market, its tokens, orders, participants and requests. Plain data, no rules.

What is here is written to the changelog after every batch and read back after a restart. Anything that
can be derived from it is not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from engine.domain.commands import Entitlement, SetTokenTerms, SetUnderlyingTerms
from engine.domain.fields import Amount, Count, Level, Moment, Name, Ratio, Reference, Share, Size, Words
from engine.domain.inputs import FundingObserved, FundingPaid, QuoteObserved, TokenQuoteObserved
from engine.domain.instants import Instant
from engine.domain.notices import ForkEntitlement
from engine.domain.numbers import ONE, ZERO
from engine.domain.outputs import Cause, NoIndex, Outcome, Purpose, Side, Status, Trigger
from engine.domain.primary_events import LIFECYCLE, Cap, Flow, Lifecycle
from engine.domain.terms import TokenTerms, UnderlyingTerms

Origin: TypeAlias = Literal["reset", "termination"] | Trigger
"""What set a token's goal last."""


@dataclass(frozen=True, slots=True)
class Held:
    """What an account held before it changed at `time`."""

    time: Moment
    basket: Amount


@dataclass(frozen=True, slots=True)
class Past:
    """The index price from `time` on, for funding that is reported late."""

    time: Moment
    price: Ratio


@dataclass(slots=True, kw_only=True)
class Fork:
    """A fork of the chain, from its announcement on."""

    fork_id: Reference
    asset: Name
    halt_from: Moment
    ratio: Share
    policy: Literal["distribute", "claim", "none"]
    by: Words
    reason: Words
    claim_until: Moment | None
    stage: Literal["announced", "halted", "snapshot", "ended"] = "announced"
    entitlements: list[ForkEntitlement] = field(default_factory=list)
    claimed: dict[Name, Size] = field(default_factory=dict)
    claims: list[Reference] = field(default_factory=list)


@dataclass(slots=True)
class Market:
    """The underlying itself: its time, its quotes, its calendar, its counters."""

    underlying: Name
    terms_version: Count
    terms: UnderlyingTerms
    time: Moment | None = None
    clock_time: Moment | None = None
    quotes: dict[Name, QuoteObserved] = field(default_factory=dict)
    logged: dict[Name, Count] = field(default_factory=dict)
    """The offset of each venue's quote."""
    next_boundary: Moment = 0
    boundaries_waiting: Count = 0
    price: Ratio | None = None
    """The last index price."""
    day_high: Ratio = ZERO
    day_low: Ratio = ZERO
    no_index: NoIndex | None = None
    halted: bool = False
    last_mark: Moment | None = None
    """The interval mark last published at."""
    marks: Count = 0
    """How many marks were published at, the common part of every NAV sequence."""
    last_sent: Moment | None = None
    """When the last ordinary order was sent."""
    urgent_from: Moment = 0
    """No emergency order before this."""
    orders_sequence: Count = 0
    events_sequence: Count = 0
    requests: Count = 0
    issuer_basket: Amount = ZERO
    issuer_cash: Amount = ZERO
    past: list[Past] = field(default_factory=list)
    fundings: dict[str, Moment] = field(default_factory=dict)
    """Funding seen, by venue and instant."""
    pending_funding: list[FundingObserved | FundingPaid] = field(default_factory=list)
    pending_terms: list[SetTokenTerms | SetUnderlyingTerms] = field(default_factory=list)
    forks: dict[Reference, Fork] = field(default_factory=dict)

    def note_price(self, price: Decimal) -> None:
        """There is an index price now."""
        self.price = price
        self.day_high = max(self.day_high, price)
        if price < self.day_low or not self.day_low:
            self.day_low = price


@dataclass(slots=True, kw_only=True)
class Account:
    """Something that holds a basket and cash and wants to reach a goal through orders."""

    basket: Amount = ZERO
    cash: Amount = ZERO
    goal: Amount = ZERO
    open: Amount = ZERO
    """Signed part of the orders out."""
    decided_at: Ratio = ZERO
    """The index price the goal was set at."""
    tries: Count = 0
    abandoned: bool = False
    """The want was tried as often as the terms allow."""
    held: list[Held] = field(default_factory=list)

    @property
    def want(self) -> Decimal:
        """Signed quantity still to be decided: goal less what is held and what is out."""
        return self.goal - self.basket - self.open


@dataclass(slots=True)
class Day:
    """A unit's value since the last fix, as it is attributed: all per unit, so that changes of units do not matter.

    `held` is the basket a unit had at the fix; `reset` and `intraday` what rebalances added, `..._paid` at which
    decision prices; the costs are against those prices.
    """

    since: Moment = 0
    nav: Amount = ZERO
    price: Ratio = ZERO
    tracking: Amount = ZERO
    """NAV / rule value at the fix."""
    reset: Amount = ZERO
    reset_paid: Amount = ZERO
    intraday: Amount = ZERO
    intraday_paid: Amount = ZERO
    reset_cost: Amount = ZERO
    intraday_cost: Amount = ZERO
    funding: Amount = ZERO
    fee: Amount = ZERO
    interest: Amount = ZERO


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open invitation to the designated participant."""

    invitation: Reference
    flow: Flow
    expires: Moment
    answered: bool = False


@dataclass(slots=True, kw_only=True)
class Token(Account):
    """One token: what it holds, what it owes its holders, what it wants."""

    token: Name
    underlying: Name
    terms_version: Count
    terms: TokenTerms
    status: Status = "listed"
    series: Count = 0
    units: Size = ZERO
    initial_nav: Level = ONE
    nav_floor: Size = ZERO
    factor: Share = ONE
    """Of all merges of units so far."""
    origin: Origin | None = None
    moved: bool = False
    """Basket or cash changed since the leverage limits were last looked at."""
    open_urgent: Amount = ZERO
    """The part of `open` that is in emergency orders."""
    benchmark: Amount = ZERO
    benchmark_price: Ratio = ZERO
    rule_value: Amount = ZERO
    rule_price: Ratio = ZERO
    day: Day = field(default_factory=Day)
    nav_sequence_base: int = 0
    """This token's NAV sequence less the market's marks."""
    fee_since: Moment = 0
    interest: Amount = ZERO
    """Accrued on negative cash up to `interest_since`."""
    interest_since: Moment = 0
    halted: bool = False
    creations_halted: bool = False
    owes_resets: Count = 0
    """Boundaries that passed while it was halted."""
    last_reset: Moment | None = None
    """Announced end of a token that is wound down."""
    wound_down: bool = False
    quote: TokenQuoteObserved | None = None
    quote_valid_from: Count = 0
    """Market quotes stamped with an older terms version are ignored."""
    beyond_since: Moment | None = None
    beyond: Flow | None = None
    alerted: bool = False
    invitation: Invitation | None = None
    final_value: Amount = ZERO
    shortfall: Amount = ZERO

    @property
    def ended(self) -> bool:
        """Whether it is sold, or being sold, for good."""
        return self.status in ("terminated", "closed")


@dataclass(slots=True, kw_only=True)
class Request(Account):
    """A creation or redemption, and the flow account it trades through once struck."""

    request_id: Reference
    number: Count
    underlying: Name
    token: Name
    participant: Name
    flow: Flow
    units: Size
    cash_offered: Amount | None
    region: Name
    settlement: Literal["custodial", "on_chain"]
    address: Reference | None
    invitation: Reference | None
    requested: Moment
    status: Lifecycle = "requested"
    day: Moment = 0
    """The boundary after which the caps of its day no longer count it."""
    delivered: Amount = ZERO
    """Cash confirmed, or units locked."""
    deliveries: list[Reference] = field(default_factory=list)
    accepted_offset: Count = 0
    accepted_after: Moment = 0
    strike_mark: Moment = 0
    """The last interval mark it was looked at."""
    netted: bool = False
    """It has been through a netting."""
    unwinding: bool = False
    """What is left of a creation is sold: it ran out of tries or of cash, or its token ended."""
    returned: Amount = ZERO
    """Owed to the participant, in cash, when it settles."""
    created: Size = ZERO
    ended: Moment | None = None

    def become(self, status: Lifecycle) -> None:
        """Go on in the life of a request, along the table."""
        assert status in LIFECYCLE[self.status], f"{self.status} cannot become {status}"  # noqa: S101 - the law
        self.status = status


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a participant has asked for of one token, one way: for the caps, queued requests included."""

    token: Name
    flow: Flow
    today: Size = ZERO
    total: Size = ZERO


@dataclass(slots=True, kw_only=True)
class Participant:
    """An authorised participant of this underlying's tokens."""

    participant: Name
    underlying: Name
    active: bool
    entitlements: dict[Name, Entitlement]
    day: Moment = 0
    """The boundary that ends the day its tallies count."""
    tallies: list[Tally] = field(default_factory=list)

    def asked(self, token: str, flow: Flow, day: Instant) -> Tally:
        """What it has asked for so far; the day that ends at `day` may have begun without a request."""
        for each in self.tallies:
            if each.token == token and each.flow == flow:
                return Tally(token=token, flow=flow, today=each.today if self.day == day else ZERO, total=each.total)
        return Tally(token=token, flow=flow)

    def caps(self, allowed: Entitlement, flow: Flow, day: Instant) -> Iterator[tuple[Cap, Decimal]]:
        """Each cap there is, with the units it leaves."""
        so_far = self.asked(allowed.token, flow, day)
        if allowed.per_order is not None:
            yield "cap_per_order", allowed.per_order
        if allowed.per_day is not None:
            yield "cap_per_day", allowed.per_day - so_far.today
        if allowed.in_total is not None:
            yield "cap_in_total", allowed.in_total - so_far.total

    def count(self, token: str, flow: Flow, units: Decimal, *, day: Instant, today: Instant) -> None:
        """Count `units` (signed) of a request made on the day that ends at `day`; now it is that ending at `today`."""
        if self.day != today:
            self.day = today
            for each in self.tallies:
                each.today = ZERO
        tally = next((each for each in self.tallies if each.token == token and each.flow == flow), None)
        if tally is None:
            tally = Tally(token=token, flow=flow)
            self.tallies.append(tally)
        tally.total += units
        if day == today:
            tally.today += units


@dataclass(frozen=True, slots=True)
class Traded:
    """The decision a trade carries out, for the attribution of what it earned or cost."""

    cause: Cause
    decided_at: Ratio


@dataclass(slots=True)
class Part:
    """One account's unsigned part of an order."""

    token: Name
    purpose: Purpose
    quantity: Size
    traded: Traded
    request: Reference | None = None
    filled: Size = ZERO

    @property
    def unfilled(self) -> Decimal:
        """What is still to be filled."""
        return self.quantity - self.filled


@dataclass(slots=True)
class Order:
    """An order of the underlying, out or lately ended."""

    order_id: Reference
    number: Count
    """Its sequence on the orders topic: orders are kept in the order they were sent."""
    underlying: Name
    side: Side
    quantity: Size
    decision_price: Level
    sent: Moment
    expires: Moment
    urgent: bool
    parts: list[Part]
    filled: Size = ZERO
    fill_ids: list[Reference] = field(default_factory=list)
    cancel_requested: bool = False
    outcome: Outcome | None = None

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1


Holder: TypeAlias = Token | Request
"""Whatever trades through orders."""

Record: TypeAlias = Market | Token | Order | Request | Participant


def record_name(record: Record) -> str:
    """The key of a record in the changelog and in Redis."""
    match record:
        case Market():
            return f"market:{record.underlying}"
        case Token():
            return f"token:{record.token}"
        case Order():
            return f"order:{record.order_id}"
        case Request():
            return f"request:{record.underlying}:{record.request_id}"
        case _:
            return f"participant:{record.underlying}:{record.participant}"
