"""Terms: what an issuer promises per token, and how the book of an underlying is run.

Terms enter the log as operator commands, so a replay needs no settings file. Defaults are those of the
specification. A combination that cannot work is refused with the reason when the object is made.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from engine.domain.addresses import is_address
from engine.domain.fields import STRICT, Count, Name, Quantity, Ratio, Reference, Seconds, Share, Units
from engine.domain.numbers import ONE, ZERO, exact

MAX_MULTIPLIER = 10
MAX_BUFFER = 10
MAX_VENUES = 16
MAX_LATE_FUNDING_H = 240
DAY_S = 86_400

Fills = Literal["reported", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingTerms:
    """How prices of one underlying become an index, and how its tokens' wants become orders."""

    __pydantic_config__ = STRICT

    venues: tuple[Name, ...] = ()
    """Venues whose quotes are taken; empty takes any, up to 16."""
    min_venues: Count = 2
    """So many venues have to count, or there is no index."""
    max_age_s: Seconds = 10
    """A quote is fresh for so long; a fix needs an input this soon after the boundary."""
    max_spread: Share = Decimal("0.02")
    """A quote counts while (ask - bid) / mid is below this."""
    max_deviation: Share = Decimal("0.05")
    """A quote counts while its mid is this near the median of all usable mids."""
    max_divergence: Share = Decimal("0.01")
    """How far apart two counted mids may be, of the lower, when only two count."""
    reset_offset_s: Seconds = 0
    """Seconds after 00:00:00 UTC at which the day starts."""
    publication_interval_s: Seconds = 1
    """Event time between two published NAVs; 0 publishes nothing by the clock."""
    tolerance: Share = Decimal("0.01")
    """An order's limit lies this far from the index."""
    emergency_tolerance: Share = Decimal("0.05")
    """An emergency order's limit lies this far from the index."""
    order_expiry_s: Seconds = 60
    """An executor refuses an order older than this."""
    report_grace_s: Seconds = 30
    """An order not reported on so long after its expiry is ended, with an alert."""
    lot: Units = Decimal("0.001")
    """Orders are whole lots; 0 for any quantity."""
    min_notional: Units = Decimal(10)
    """No order is worth less, in quote currency."""
    max_slice_notional: Units | None = None
    """No ordinary order is worth more, in quote currency."""
    slice_interval_s: Seconds = 30
    """Time from one ordinary order to the next."""
    max_tries: Count = 10
    """A reset is given up, with an alert, after so many orders that left a part of it unfilled."""
    de_lever_time_s: Seconds | None = None
    """Time the market is given to take a de-lever of all same-side tokens; creations beyond that are refused."""
    funding_weights: dict[Name, Share] = field(default_factory=dict)
    """Each venue's share of the hedge, for assumed fills; a venue not named counts in full where none is named."""
    late_funding_h: Count = 26
    """Funding reported late is booked if it is dated within so many hours; 0 keeps no history for it."""
    slippage: Share = ZERO
    """Of the price, against the token, for assumed fills."""
    commission: Share = ZERO
    """Of the traded notional, for assumed fills."""

    def __post_init__(self) -> None:
        """Refuse terms that could never price or trade."""
        _require(self.min_venues >= 1, "min_venues is at least 1")
        _require(len(self.venues) <= MAX_VENUES, f"at most {MAX_VENUES} venues")
        _require(len(set(self.venues)) == len(self.venues), "a venue is named twice")
        _require(not self.venues or len(self.venues) >= self.min_venues, "fewer venues than min_venues: never an index")
        _require(self.slippage < ONE, "slippage is below 1")
        _require(self.late_funding_h <= MAX_LATE_FUNDING_H, f"late_funding_h is at most {MAX_LATE_FUNDING_H}")
        _require(self.tolerance < ONE, "tolerance is below 1")
        _require(self.emergency_tolerance < ONE, "emergency_tolerance is below 1")
        _require(
            self.max_slice_notional is None or self.max_slice_notional >= self.min_notional,
            "max_slice_notional is below min_notional: nothing could be sent",
        )
        _require(self.reset_offset_s < DAY_S, "reset_offset_s is below one day")

    def slipped(self, quantity: Decimal) -> Decimal:
        """The assumed fill price of a signed quantity, of the index price: `1 + sign(dQ) slippage`."""
        return ONE + self.slippage if quantity > ZERO else ONE - self.slippage


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTerms:
    """The promise of one token: its multiplier, its leverage limits, how it starts."""

    __pydantic_config__ = STRICT

    multiplier: Ratio
    """Signed L: above 1 or below 0, at most 10 either way."""
    max_leverage: Share | Literal["default", "none"] = "default"
    """De-lever at once when reached; default 4/3 of the multiplier, `none` never."""
    min_leverage: Share | None = None
    """Re-lever a winner whose leverage has fallen to this; none never."""
    emergency_leverage: Share | Literal["default", "none"] = "default"
    """From here the order is whole and its tolerance wide; default max(2 k, max_leverage), `none` never."""
    fills: Fills = "reported"
    """`reported`: a broker's fills come back as inputs. `assumed`: orders are booked where they are decided."""
    netted: bool = True
    """False nets an assumed-fill token with no other (a back-test of one token alone)."""
    initial_nav: Quantity = Decimal(100)
    """NAV of the first unit."""
    seed_units: Units = ZERO
    """Units the issuer brings in kind, at target, at the first index price."""
    yearly_fee: Share = ZERO
    """Management fee, of the equity, per 365 days; paid at each reset and change of units."""
    basket_kind: Literal["perpetual", "spot"] = "perpetual"
    """Whether the token holds linear contracts or the underlying itself."""
    loan_rate: Share = ZERO
    """Yearly interest on negative cash of a spot basket."""
    creation_unit: Quantity = ONE
    """Units are created and redeemed in whole multiples of this."""
    creation_fee: Share = Decimal("0.001")
    """Of the value created, to the issuer."""
    redemption_fee: Share = Decimal("0.001")
    """Of the cash redeemed, to the issuer."""
    buffer: Share = Decimal("0.1")
    """Cash delivered for a creation beyond its value, of 1."""
    strike: Literal["next_index", "interval", "daily_reset"] = "next_index"
    """Which index prices a creation or redemption may join at."""
    strike_interval_s: Seconds = 3_600
    """Time between strikes, where they come at intervals."""
    strike_cut_off_s: Seconds = 300
    """Where they come at the daily reset, only what was accepted so long before joins."""
    regions: tuple[Name, ...] = ()
    """Where units may be created and redeemed; empty anywhere."""
    contract_address: Reference | None = None
    """The token's registered contract: EVM with its checksum, or SS58."""
    designated_participant: Name | None = None
    """Who is invited to create or redeem when the market price strays; none invites nobody."""
    premium_band: Share = Decimal("0.01")
    """So far the market price may stray from the NAV."""
    premium_alert: Share = Decimal("0.02")
    """Beyond this a desk is alerted."""
    premium_persist_s: Seconds = 30
    """A premium or discount beyond the band for so long makes an invitation."""
    nav_floor: Units = ZERO
    """Below this NAV units are merged at the next reset; 0 never."""
    floor_merge: Count = 10
    """So many units become one then."""

    def __post_init__(self) -> None:
        """Refuse limits that would act at once or never."""
        k = abs(self.multiplier)
        _require(self.multiplier > 1 or self.multiplier < 0, "multiplier is above 1 or below 0")
        _require(k <= MAX_MULTIPLIER, f"multiplier is at most {MAX_MULTIPLIER} either way")
        limit, emergency = self.de_lever_at, self.emergency_at
        if limit is not None:
            _require(limit > k, f"max_leverage {limit} is not above the multiplier's size {k}")
        if self.min_leverage is not None:
            _require(self.min_leverage < k, f"min_leverage {self.min_leverage} is not below the multiplier's size {k}")
        if emergency is not None:
            _require(limit is not None, "emergency_leverage needs a max_leverage")
            _require(
                limit is not None and emergency >= limit,
                f"emergency_leverage {emergency} is below max_leverage {limit}",
            )
        _require(
            self.contract_address is None or is_address(self.contract_address), "contract_address has a bad checksum"
        )
        _require(self.buffer < MAX_BUFFER, f"buffer is below {MAX_BUFFER}")
        _require(self.creation_fee < ONE, "creation_fee is below 1")
        _require(self.redemption_fee < ONE, "redemption_fee is below 1")
        _require(self.strike != "interval" or self.strike_interval_s > 0, "strike_interval_s is above 0")
        _require(self.premium_alert >= self.premium_band, "premium_alert is not below premium_band")
        _require(self.floor_merge > 1, "floor_merge is above 1")
        _require(self.netted or self.fills == "assumed", "only a token with assumed fills can stay un-netted")

    @property
    def de_lever_at(self) -> Decimal | None:
        """The absolute leverage that de-levers at once, or None for never."""
        if self.max_leverage == "none":
            return None
        if self.max_leverage != "default":
            return self.max_leverage
        return _default_limit(self.multiplier)

    @property
    def emergency_at(self) -> Decimal | None:
        """The absolute leverage from which a de-lever is an emergency, or None for never."""
        if self.emergency_leverage == "none":
            return None
        if self.emergency_leverage != "default":
            return self.emergency_leverage
        limit = self.de_lever_at
        return None if limit is None else max(2 * abs(self.multiplier), limit)


@lru_cache
def _default_limit(multiplier: Decimal) -> Decimal:
    """Four thirds of the multiplier's size; kept, since it is asked for at every publication."""
    with exact():
        return abs(multiplier) * 4 / 3


def _require(held: object, reason: str) -> None:
    if not held:
        raise ValueError(reason)
