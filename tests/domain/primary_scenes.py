"""Books with an authorised participant, and the few words a test of the primary market is written in."""

from decimal import Decimal
from typing import Any

from engine.domain.commands import Entitlement, HaltTrading, ResumeTrading, SetParticipant
from engine.domain.events import Body
from engine.domain.inputs import FundingObserved, FundingPaid, TokenQuoteObserved
from engine.domain.instants import SECOND, Instant
from engine.domain.outputs import InputRefused, OrderSent
from engine.domain.primary_events import RequestAccepted, RequestReceived, RequestRefused
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    RedemptionRequested,
    RequestWithdrawn,
    SettlementConfirmed,
    UnitsLocked,
)
from engine.domain.state import Request
from tests.desk import MIDNIGHT, Desk, d, only
from tests.domain.scenes import NAME, launched

AP = "AP"
T0 = 1000
"""When the token of these scenes launches: a thousand seconds into the day, the next reset far away."""
EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
SS58 = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


def moment(seconds: float) -> Instant:
    return MIDNIGHT + round(seconds * SECOND)


def admit(
    desk: Desk, participant: str = AP, *tokens: str, active: bool = True, **caps: Decimal | int | None
) -> list[Body]:
    """Admit a participant to TAO3L, or to the tokens named, all with the same caps."""
    given = {name: None if cap is None else d(cap) for name, cap in caps.items()}
    entitled = tuple(Entitlement(name, **given) for name in tokens or (NAME,))
    return desk.feed(SetParticipant(desk.underlying, participant, active, entitled, by="test", reason="test"))


def primary(multiplier: Any = 3, *, at: float = T0, caps: dict[str, Any] | None = None, **terms: Any) -> Desk:
    """100 units of TAO3L at 100 each, P=200: q=150, c=-20000; AP may create and redeem them."""
    desk = launched(multiplier, at=at, **terms)
    admit(desk, **caps or {})
    return desk


def create(
    desk: Desk, units: Any = 10, name: str = "c1", *, at: float | None = None, token: str = NAME, **given: Any
) -> list[Body]:
    """Ask for a creation; `at` is its append time."""
    fields: dict[str, Any] = {"participant": AP, "region": "EU", "settlement": "custodial"} | given
    asked = CreationRequested(desk.underlying, name, token=token, units=None if units is None else d(units), **fields)
    return desk.feed(asked, appended=None if at is None else moment(at))


def redeem(
    desk: Desk, units: Any = 10, name: str = "r1", *, at: float | None = None, token: str = NAME, **given: Any
) -> list[Body]:
    """Ask for a redemption; `at` is its append time."""
    fields: dict[str, Any] = {"participant": AP, "region": "EU", "settlement": "custodial"} | given
    asked = RedemptionRequested(desk.underlying, name, token=token, units=d(units), **fields)
    return desk.feed(asked, appended=None if at is None else moment(at))


def deliver(
    desk: Desk, amount: Any, name: str = "c1", *, delivery: str | None = None, at: float | None = None
) -> list[Body]:
    """The custodian confirms cash; `at` is the append time."""
    given = CashDelivered(desk.underlying, name, delivery or f"delivery-{desk.offset}", d(amount))
    return desk.feed(given, appended=None if at is None else moment(at))


def lock(desk: Desk, units: Any = 10, name: str = "r1", *, at: float | None = None) -> list[Body]:
    """The units of a redemption are locked; `at` is the append time."""
    return desk.feed(UnitsLocked(desk.underlying, name, d(units)), appended=None if at is None else moment(at))


def withdraw(desk: Desk, name: str) -> list[Body]:
    return desk.feed(RequestWithdrawn(desk.underlying, name))


def confirm(desk: Desk, name: str, reference: str = "tx-1") -> list[Body]:
    return desk.feed(SettlementConfirmed(desk.underlying, name, reference))


def halt(desk: Desk, token: str | None = None) -> list[Body]:
    return desk.feed(HaltTrading(desk.underlying, by="test", reason="test", token=token))


def resume(desk: Desk, token: str | None = None) -> list[Body]:
    return desk.feed(ResumeTrading(desk.underlying, by="test", reason="test", token=token))


def paid_funding(desk: Desk, amount: Any, at: float, venue: str = "a") -> list[Body]:
    return desk.feed(FundingPaid(desk.underlying, venue, moment(at), d(amount)))


def funding_rate(desk: Desk, rate: Any, at: float, venue: str = "a") -> list[Body]:
    return desk.feed(FundingObserved(desk.underlying, venue, moment(at), d(rate)))


def token_quote(desk: Desk, bid: Any, ask: Any, at: float, **given: Any) -> list[Body]:
    """A quote of the token's own market, stamped with the token's terms version."""
    fields: dict[str, Any] = {"token": NAME, "venue": "dex", "bid_depth": 25, "ask_depth": 35} | given
    fields = fields | {side: d(fields[side]) for side in ("bid_depth", "ask_depth")}
    version = fields.pop("terms_version", desk[fields["token"]].terms_version)
    return desk.feed(
        TokenQuoteObserved(desk.underlying, time=moment(at), bid=d(bid), ask=d(ask), terms_version=version, **fields)
    )


def accepted_creation(desk: Desk, units: Any = 10, name: str = "c1", *, cash: Any = None, **given: Any) -> Desk:
    """A creation with its cash delivered: what was asked for unless told otherwise."""
    asked = only(create(desk, units, name, **given), RequestReceived)
    only(deliver(desk, asked.cash_required if cash is None else cash, name), RequestAccepted)
    return desk


def cash_creation(desk: Desk, cash: Any, name: str = "c1") -> Desk:
    """A creation of as many units as this cash, which is delivered, pays for."""
    only(create(desk, None, name, cash=d(cash)), RequestReceived)
    only(deliver(desk, cash, name), RequestAccepted)
    return desk


def accepted_redemption(desk: Desk, units: Any = 10, name: str = "r1", **given: Any) -> Desk:
    """A redemption with its units locked."""
    only(redeem(desk, units, name, **given), RequestReceived)
    only(lock(desk, units, name), RequestAccepted)
    return desk


def refusal(bodies: list[Body]) -> str:
    """Why a request was refused."""
    return only(bodies, RequestRefused).code


def input_refusal(bodies: list[Body]) -> str:
    """Why an input was not taken."""
    return only(bodies, InputRefused).reason


def request(desk: Desk, name: str) -> Request:
    """The state of a request."""
    assert desk.book is not None
    return desk.book.requests[name]


def value(desk: Desk, price: Any, token: str = NAME) -> Decimal:
    """The NAV per unit without accrued fees, to 50 digits."""
    held = desk[token]
    return (held.basket * d(price) + held.cash) / held.units


def issuer_cash(desk: Desk) -> Decimal:
    assert desk.book is not None
    return desk.book.market.issuer_cash


def filled(desk: Desk, order: OrderSent, price: Any, commission: Any = 0) -> list[Body]:
    """Fill an order whole and end it; what the fill brought."""
    said = desk.fill(order, order.quantity, price, commission=commission)
    return [*said, *desk.end(order, "filled")]
