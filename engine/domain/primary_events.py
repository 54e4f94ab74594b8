"""Events of the primary market: the life of a creation or redemption, and invitations to make one."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from engine.domain.fields import Amount, Count, Level, Moment, Name, Reference, Size, Words
from engine.domain.outputs import Stream

Flow = Literal["creation", "redemption"]
Cap = Literal["cap_per_order", "cap_per_day", "cap_in_total"]
RefusalCode = Literal[
    "participant_unknown",
    "participant_inactive",
    "participant_not_allowed",
    "region",
    "contract_address",
    "address_checksum",
    "address_missing",
    "units_or_cash",
    "creation_unit",
    "units_outstanding",
    Cap,
    "capacity",
    "terminated",
    "winding_down",
    "invitation",
]
Returned = Literal["withdrawn", "too_small", "token_ended", "nothing_filled"]
Ending = Literal["answered", "expired", "back_in_band"]
Lifecycle = Literal["requested", "accepted", "struck", "hedged", "settled", "returned"]
LIFECYCLE: dict[Lifecycle, tuple[Lifecycle, ...]] = {
    "requested": ("accepted", "returned"),
    "accepted": ("struck", "returned"),
    "struck": ("hedged", "returned"),
    "hedged": ("settled",),
    "settled": (),
    "returned": (),
}
"""What a request may become. A refused one never was."""


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A request is taken: cash or units are to be delivered now. `cash_required` is an estimate at the last NAV."""

    underlying: Name
    request_id: Reference
    flow: Flow
    token: Name
    participant: Name
    units: Size
    cash_offered: Amount | None
    cash_required: Amount | None
    type: Literal["request_received"] = "request_received"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request is not taken, and why. It may be made again under the same id when that has changed."""

    underlying: Name
    request_id: Reference
    flow: Flow
    token: Name
    participant: Name
    code: RefusalCode
    detail: Words
    type: Literal["request_refused"] = "request_refused"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class DeliveryNoted:
    """Cash has come, but not enough yet at the last NAV."""

    underlying: Name
    request_id: Reference
    token: Name
    delivered: Amount
    cash_required: Amount
    type: Literal["delivery_noted"] = "delivery_noted"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RequestAccepted:
    """What it needs is delivered: from here it is irrevocable, and joins the first strike after."""

    underlying: Name
    request_id: Reference
    token: Name
    delivered: Amount
    type: Literal["request_accepted"] = "request_accepted"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RequestStruck:
    """It joined a strike: its flow account trades towards `goal` from here, at its own cost."""

    underlying: Name
    request_id: Reference
    flow: Flow
    token: Name
    units: Size
    price: Level
    nav: Amount
    basket: Amount
    cash: Amount
    open: Amount
    goal: Amount
    type: Literal["request_struck"] = "request_struck"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class UnitsCreated:
    """The flow joined the token, which got `paid` and `charge` (for what was too small to trade)."""

    underlying: Name
    request_id: Reference
    token: Name
    units: Size
    nav: Amount
    price: Level
    basket: Amount
    cash: Amount
    paid: Amount
    charge: Amount
    fee: Amount
    type: Literal["units_created"] = "units_created"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class UnitsRedeemed:
    """The flow is sold: the participant gets `payout`; `returned_basket` was too small to trade."""

    underlying: Name
    request_id: Reference
    token: Name
    units: Size
    price: Level
    payout: Amount
    fee: Amount
    charge: Amount
    returned_basket: Amount
    issuer_bears: Amount
    type: Literal["units_redeemed"] = "units_redeemed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RestReturned:
    """A rest a creation could not sell again, too small to trade: its token or the issuer took it at the index price.

    The flow got `cash` for it, the charge of a trade already taken off.
    """

    underlying: Name
    request_id: Reference
    token: Name
    basket: Amount
    cash: Amount
    charge: Amount
    to_issuer: bool
    type: Literal["rest_returned"] = "rest_returned"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class SettlementInstructed:
    """Hedged: send units or cash to this address and confirm."""

    underlying: Name
    request_id: Reference
    token: Name
    address: Reference
    units: Size
    cash: Amount
    type: Literal["settlement_instructed"] = "settlement_instructed"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RequestSettled:
    """Size and cash are released: the participant has `units` more or less, and `cash` back."""

    underlying: Name
    request_id: Reference
    flow: Flow
    token: Name
    participant: Name
    units: Size
    cash: Amount
    reference: Words
    type: Literal["request_settled"] = "request_settled"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class RequestReturned:
    """It came to nothing: what was delivered goes back, with what a struck flow was worth."""

    underlying: Name
    request_id: Reference
    flow: Flow
    token: Name
    participant: Name
    cash: Amount
    units: Size
    reason: Returned
    type: Literal["request_returned"] = "request_returned"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class SeriesEnded:
    """The last unit was redeemed: what rounding left is the issuer's; the next creation is a new series."""

    underlying: Name
    token: Name
    series: Count
    basket: Amount
    cash: Amount
    type: Literal["series_ended"] = "series_ended"
    stream: ClassVar[Stream] = "events"


@dataclass(frozen=True, slots=True)
class CreationOrdered:
    """An invitation: the token trades above its value; the participant may create up to `units`."""

    underlying: Name
    invitation: Reference
    token: Name
    participant: Name
    units: Size
    premium: Amount
    nav: Amount
    expires: Moment
    type: Literal["creation_ordered"] = "creation_ordered"
    stream: ClassVar[Stream] = "orders"


@dataclass(frozen=True, slots=True)
class RedemptionOrdered:
    """An invitation: the token trades below its value; the participant may redeem up to `units`."""

    underlying: Name
    invitation: Reference
    token: Name
    participant: Name
    units: Size
    discount: Amount
    nav: Amount
    expires: Moment
    type: Literal["redemption_ordered"] = "redemption_ordered"
    stream: ClassVar[Stream] = "orders"


@dataclass(frozen=True, slots=True)
class InvitationEnded:
    """The invitation stands no more."""

    underlying: Name
    invitation: Reference
    token: Name
    reason: Ending
    type: Literal["invitation_ended"] = "invitation_ended"
    stream: ClassVar[Stream] = "orders"


@dataclass(frozen=True, slots=True)
class PremiumAlert:
    """Alert: the market price strayed beyond the second band."""

    underlying: Name
    token: Name
    premium: Amount
    nav: Amount
    type: Literal["premium_alert"] = "premium_alert"
    stream: ClassVar[Stream] = "events"


PrimaryEvent: TypeAlias = (
    RequestReceived
    | RequestRefused
    | DeliveryNoted
    | RequestAccepted
    | RequestStruck
    | UnitsCreated
    | UnitsRedeemed
    | RestReturned
    | SettlementInstructed
    | RequestSettled
    | RequestReturned
    | SeriesEnded
    | CreationOrdered
    | RedemptionOrdered
    | InvitationEnded
    | PremiumAlert
)
