"""Facts of the primary market: what participants and holders ask for, and what custodians confirm."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.domain.fields import STRICT, Name, Quantity, Reference


@dataclass(frozen=True, slots=True)
class CreationRequested:
    """A participant wants units: so many, or as many as `cash` pays for."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    participant: Name
    token: Name
    region: Name
    settlement: Literal["custodial", "on_chain"]
    units: Quantity | None = None
    cash: Quantity | None = None
    address: Reference | None = None
    contract_address: Reference | None = None
    invitation: Reference | None = None
    type: Literal["creation_requested"] = "creation_requested"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class RedemptionRequested:
    """A participant gives units back for cash."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    participant: Name
    token: Name
    region: Name
    settlement: Literal["custodial", "on_chain"]
    units: Quantity
    address: Reference | None = None
    contract_address: Reference | None = None
    invitation: Reference | None = None
    type: Literal["redemption_requested"] = "redemption_requested"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class CashDelivered:
    """The custodian confirms cash for a creation; more may follow until it is enough."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    delivery_id: Reference
    amount: Quantity
    type: Literal["cash_delivered"] = "cash_delivered"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class UnitsLocked:
    """The units of a redemption are locked or burnt."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    units: Quantity
    type: Literal["units_locked"] = "units_locked"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """The participant takes a request back, as long as it is not accepted."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    type: Literal["request_withdrawn"] = "request_withdrawn"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class SettlementConfirmed:
    """Units or cash of an on-chain settlement have arrived."""

    __pydantic_config__ = STRICT

    underlying: Name
    request_id: Reference
    reference: Reference
    type: Literal["settlement_confirmed"] = "settlement_confirmed"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class ForkClaimed:
    """A holder claims the forked asset for units held at the snapshot."""

    __pydantic_config__ = STRICT

    underlying: Name
    fork_id: Reference
    claim_id: Reference
    token: Name
    units: Quantity
    address: Reference
    type: Literal["fork_claimed"] = "fork_claimed"
    version: Literal[1] = 1


Primary: TypeAlias = (
    CreationRequested | RedemptionRequested | CashDelivered | UnitsLocked | RequestWithdrawn | SettlementConfirmed
)
