"""What happens around a token besides trading: funding, fees, halts, merges, forks, terms, requests, signals."""

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from engine.domain.commands import (
    AnnounceFork,
    DistributeFork,
    Entitlement,
    HaltCreations,
    HaltTrading,
    MergeUnits,
    ResumeCreations,
    ResumeTrading,
    SetParticipant,
    SetTokenTerms,
    SetUnderlyingTerms,
    TakeForkSnapshot,
)
from engine.domain.events import Body
from engine.domain.inputs import FundingObserved, FundingPaid, SignalObserved, TokenQuoteObserved
from engine.domain.instants import SECOND, Instant
from engine.domain.notices import DayAttributed
from engine.domain.outputs import InputRefused
from engine.domain.requests import CashDelivered, CreationRequested, ForkClaimed, RedemptionRequested, UnitsLocked
from tests.desk import MIDNIGHT, Desk, d, only
from tests.domain.scenes import EXACTLY, NAME, launched, values

HALF_DAY_S = 43_200
PARTS = (
    "move", "drift", "reset_timing", "intraday_timing", "reset_cost", "intraday_cost", "funding", "fee", "interest",
)  # fmt: skip
WHO: dict[str, Any] = {"by": "desk", "reason": "test"}


def moment(at: float) -> Instant:
    """Seconds from MIDNIGHT as an instant."""
    return MIDNIGHT + round(at * SECOND)


def held(multiplier: Any = 3, *, at: float = -HALF_DAY_S, **terms: Any) -> Desk:
    """100 units at 100, launched at 200 half a day before the boundary, with assumed fills; 3x holds 150 for 20000."""
    token = {"fills": "assumed", "max_leverage": "none"} | terms.pop("token", {})
    return launched(multiplier, nav=100, price=200, at=at, token=token, **EXACTLY | terms)


def rate(desk: Desk, of: Any, at: float, venue: str = "a", *, appended: float | None = None) -> list[Body]:
    """A venue's funding rate of an instant."""
    given = FundingObserved(desk.underlying, venue, moment(at), d(of))
    return desk.feed(given, appended=None if appended is None else moment(appended))


def paid(desk: Desk, amount: Any, at: float, venue: str = "a", *, appended: float | None = None) -> list[Body]:
    """What a venue really took."""
    given = FundingPaid(desk.underlying, venue, moment(at), d(amount))
    return desk.feed(given, appended=None if appended is None else moment(appended))


def halt(desk: Desk, token: str | None = NAME) -> list[Body]:
    """An operator halts a token, or the underlying."""
    return desk.feed(HaltTrading(desk.underlying, token=token, **WHO))


def resume(desk: Desk, token: str | None = NAME) -> list[Body]:
    """An operator lets a token, or the underlying, go on."""
    return desk.feed(ResumeTrading(desk.underlying, token=token, **WHO))


def halt_creations(desk: Desk, token: str = NAME) -> list[Body]:
    """An operator halts creations."""
    return desk.feed(HaltCreations(desk.underlying, token, **WHO))


def resume_creations(desk: Desk, token: str = NAME) -> list[Body]:
    """An operator lets creations go on."""
    return desk.feed(ResumeCreations(desk.underlying, token, **WHO))


def merge(desk: Desk, ratio: Any, token: str = NAME, *, version: int | None = None) -> list[Body]:
    """`ratio` units become one."""
    desk.version += 1
    return desk.feed(MergeUnits(desk.underlying, token, d(ratio), version or desk.version, **WHO))


def retermed(
    desk: Desk, token: str = NAME, *, at: float | None = None, version: int | None = None, **terms: Any
) -> list[Body]:
    """New terms of a token, now or later; what is not named stays."""
    desk.version += 1
    made = replace(desk[token].terms, **terms)
    effective = None if at is None else moment(at)
    return desk.feed(SetTokenTerms(desk.underlying, token, version or desk.version, made, effective=effective, **WHO))


def resettled(desk: Desk, *, at: float | None = None, version: int | None = None, **terms: Any) -> list[Body]:
    """New terms of the underlying, now or later; what is not named stays."""
    assert desk.book is not None
    desk.version += 1
    made = replace(desk.book.market.terms, **terms)
    effective = None if at is None else moment(at)
    return desk.feed(SetUnderlyingTerms(desk.underlying, 0, version or desk.version, made, effective=effective, **WHO))


def signal(desk: Desk, kind: Any = "volume", *, value: Any = "1.5", token: str | None = NAME) -> list[Body]:
    """Something a desk should know."""
    return desk.feed(
        SignalObserved(desk.underlying, kind, "source", "text", None if value is None else d(value), token)
    )


def market_quote(desk: Desk, bid: Any, ask: Any, at: float, version: int, token: str = NAME) -> list[Body]:
    """A quote of the token's own market, 50 deep either way."""
    return desk.feed(
        TokenQuoteObserved(desk.underlying, token, "dex", moment(at), d(bid), d(ask), d(50), d(50), version)
    )


def admitted(desk: Desk, token: str = NAME, **caps: Any) -> list[Body]:
    """The participant AP may create and redeem a token."""
    entitlement = Entitlement(token, **{name: d(cap) for name, cap in caps.items()})
    return desk.feed(SetParticipant(desk.underlying, "AP", active=True, entitlements=(entitlement,), **WHO))


def asks_to_redeem(desk: Desk, units: Any, request: str = "R1", token: str = NAME) -> list[Body]:
    """A redemption is asked for, not yet accepted."""
    return desk.feed(RedemptionRequested(desk.underlying, request, "AP", token, "EU", "custodial", d(units)))


def locks(desk: Desk, units: Any, request: str = "R1") -> list[Body]:
    """The units of a redemption are locked."""
    return desk.feed(UnitsLocked(desk.underlying, request, d(units)))


def redeems(desk: Desk, units: Any, request: str = "R1", token: str = NAME) -> list[Body]:
    """A redemption is asked for and accepted."""
    return [*asks_to_redeem(desk, units, request, token), *locks(desk, units, request)]


def creates(desk: Desk, units: Any, cash: Any, request: str = "C1", token: str = NAME) -> list[Body]:
    """A creation is asked for, and its cash delivered."""
    asked = desk.feed(CreationRequested(desk.underlying, request, "AP", token, "EU", "custodial", units=d(units)))
    return [*asked, *desk.feed(CashDelivered(desk.underlying, request, f"{request}-cash", d(cash)))]


def announces(
    desk: Desk, halt_from: float, policy: Any = "distribute", *, ratio: Any = 1, claim_until: float | None = None
) -> list[Body]:
    """The fork F1 is announced."""
    until = None if claim_until is None else moment(claim_until)
    return desk.feed(
        AnnounceFork(desk.underlying, "F1", "TAOX", moment(halt_from), d(ratio), policy, claim_until=until, **WHO)
    )


def snapshot(desk: Desk, fork: str = "F1") -> list[Body]:
    """Entitlements are noted."""
    return desk.feed(TakeForkSnapshot(desk.underlying, fork, **WHO))


def distributes(desk: Desk, fork: str = "F1") -> list[Body]:
    """The forked asset is given out, or claims end."""
    return desk.feed(DistributeFork(desk.underlying, fork, **WHO))


def claims(desk: Desk, units: Any, claim: str = "K1", token: str = NAME, *, fork: str = "F1") -> list[Body]:
    """A holder claims the forked asset."""
    return desk.feed(ForkClaimed(desk.underlying, fork, claim, token, d(units), "5Holder"))


def refused(said: list[Body], reason: str) -> bool:
    """Whether the one thing said is that refusal."""
    return values(only(said, InputRefused).reason, len(said)) == values(reason, 1)


def parts(day: DayAttributed) -> Decimal:
    """The sum of all parts of a day."""
    return sum((getattr(day, name) for name in PARTS), Decimal(0))


def is_exact(day: DayAttributed) -> bool:
    """Whether the parts sum to what they are parts of, and every part there is was counted."""
    assert {"move", "fee"} <= {each.name for each in fields(day)}
    return parts(day) == day.nav - day.nav_before
