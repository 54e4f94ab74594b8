"""Events around the tokens: costs, the day's attribution, halts, forks, units merged, signals."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from engine.domain.fields import Amount, Count, Level, Moment, Name, Ratio, Reference, Share, Size, Words
from engine.domain.outputs import Stream


@dataclass(frozen=True, slots=True)
class FundingShare:
    """What funding moved in one account: positive is received. A request's may fall on its token or the issuer."""

    token: Name
    basket: Amount
    cash: Amount
    request: Reference | None = None
    to_issuer: bool = False


@dataclass(frozen=True, slots=True)
class FundingBooked:
    """Funding of a venue and instant, on what was held before it."""

    underlying: Name
    venue: Name
    funding_time: Moment
    price: Level | None
    rate: Ratio | None
    amount: Amount | None
    shares: tuple[FundingShare, ...]
    unshared: Amount
    """Paid where nothing net was held: the issuer's."""
    type: Literal["funding_booked"] = "funding_booked"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class FeePaid:
    """The accrued management fee went to the issuer, interest to the lender."""

    underlying: Name
    token: Name
    fee: Amount
    interest: Amount
    since: Moment
    type: Literal["fee_paid"] = "fee_paid"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class DayAttributed:
    """Where a unit's value went from one fix to the next. The parts sum to `nav - nav_before` exactly."""

    underlying: Name
    token: Name
    since: Moment
    nav_before: Amount
    nav: Amount
    price_before: Level
    price: Level
    move: Amount
    drift: Amount
    reset_timing: Amount
    intraday_timing: Amount
    reset_cost: Amount
    intraday_cost: Amount
    funding: Amount
    fee: Amount
    interest: Amount
    day_high: Level
    day_low: Level
    tracking_difference_day: Ratio | None
    tracking_difference: Ratio | None
    benchmark: Amount
    rule_value: Amount
    type: Literal["day_attributed"] = "day_attributed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class ParticipantSet:
    """A participant may do this from here on."""

    underlying: Name
    participant: Name
    active: bool
    tokens: tuple[Name, ...]
    by: Words
    reason: Words
    type: Literal["participant_set"] = "participant_set"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TradingHalted:
    """Halted: a token, or the whole underlying where none is named."""

    underlying: Name
    token: Name | None
    by: Words
    reason: Words
    type: Literal["trading_halted"] = "trading_halted"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TradingResumed:
    """Trading goes on."""

    underlying: Name
    token: Name | None
    by: Words
    reason: Words
    type: Literal["trading_resumed"] = "trading_resumed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class CreationsHalted:
    """Creations queue, or go on again."""

    underlying: Name
    token: Name
    halted: bool
    by: Words
    reason: Words
    type: Literal["creations_halted"] = "creations_halted"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class WindDownAnnounced:
    """Creations stop; the last reset is at this time."""

    underlying: Name
    token: Name
    last_reset: Moment
    by: Words
    reason: Words
    type: Literal["wind_down_announced"] = "wind_down_announced"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class TermsScheduled:
    """Terms will take effect at this time."""

    underlying: Name
    token: Name | None
    terms_version: Count
    effective: Moment
    by: Words
    reason: Words
    type: Literal["terms_scheduled"] = "terms_scheduled"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class UnitsMerged:
    """`ratio` units became one, for every holder, queued request and cap alike; a split has a ratio below 1."""

    underlying: Name
    token: Name
    ratio: Share
    factor: Share
    """Of all merges so far: old values times this compare with new ones."""
    units: Size
    nav: Amount | None
    terms_version: Count
    by: Words
    reason: Words
    type: Literal["units_merged"] = "units_merged"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class ForkAnnounced:
    """The chain forks; trading halts at `halt_from`."""

    underlying: Name
    fork_id: Reference
    asset: Name
    halt_from: Moment
    policy: Literal["distribute", "claim", "none"]
    by: Words
    reason: Words
    type: Literal["fork_announced"] = "fork_announced"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class ForkEntitlement:
    """What a token is entitled to of the forked asset."""

    token: Name
    units: Size
    amount: Amount
    per_unit: Ratio


@dataclass(frozen=True, slots=True)
class ForkSnapshotTaken:
    """Who is entitled, as of now."""

    underlying: Name
    fork_id: Reference
    entitlements: tuple[ForkEntitlement, ...]
    by: Words
    reason: Words
    type: Literal["fork_snapshot_taken"] = "fork_snapshot_taken"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class ForkDistributed:
    """The forked asset is given to holders, or claims end."""

    underlying: Name
    fork_id: Reference
    claimed: Amount
    unclaimed: Amount
    by: Words
    reason: Words
    type: Literal["fork_distributed"] = "fork_distributed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class ForkClaimPaid:
    """A claim is good: send the forked asset to the address."""

    underlying: Name
    fork_id: Reference
    claim_id: Reference
    token: Name
    units: Size
    amount: Amount
    address: Reference
    type: Literal["fork_claim_paid"] = "fork_claim_paid"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class SignalNoted:
    """A signal reached the log."""

    underlying: Name
    kind: Name
    source: Words
    text: Words
    value: Ratio | None
    token: Name | None
    type: Literal["signal_noted"] = "signal_noted"
    stream: ClassVar[Stream] = "events"


Notice: TypeAlias = (
    FundingBooked
    | FeePaid
    | DayAttributed
    | ParticipantSet
    | TradingHalted
    | TradingResumed
    | CreationsHalted
    | WindDownAnnounced
    | TermsScheduled
    | UnitsMerged
    | ForkAnnounced
    | ForkSnapshotTaken
    | ForkDistributed
    | ForkClaimPaid
    | SignalNoted
)
