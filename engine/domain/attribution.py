"""Where a unit's value went (specification, section 6): kept per unit, so that creations and redemptions do not matter.

Since the last fix a unit has held `q0/S` and what rebalances added, `dq/S` each. With the price now at P1:
move `L n0 r`, timing `dq (P1 - P_dec)/S`, cost `-(dq (p - P_dec) + commission)/S`, funding, fee, interest; drift is
the rest, `q0 (P1 - P0)/S - L n0 r` and what rounding leaves, so that the parts sum exactly.
"""

from decimal import Decimal
from typing import Any

from engine.domain.instants import Instant
from engine.domain.notices import DayAttributed
from engine.domain.numbers import ONE, ZERO, money
from engine.domain.state import Day, Market, Token, Traded

_COSTS = ("reset_cost", "intraday_cost", "funding", "fee", "interest")


def start_day(token: Token, nav: Decimal, price: Decimal, now: Instant) -> None:
    """From here the value of a unit is attributed afresh."""
    tracking = money(nav / token.rule_value) if token.rule_value > ZERO else ZERO
    token.day = Day(since=now, nav=money(nav), price=price, tracking=tracking)


def note_trade(token: Token, why: Traded, quantity: Decimal, price: Decimal, commission: Decimal) -> None:
    """A rebalance traded `quantity` (signed) at `price`; it had been decided at another."""
    day, units = token.day, token.units
    added, paid = money(quantity / units), money(quantity * why.decided_at / units)
    cost = -money((quantity * (price - why.decided_at) + commission) / units)
    if why.cause == "reset":
        day.reset += added
        day.reset_paid += paid
        day.reset_cost += cost
    elif why.cause == "intraday":
        day.intraday += added
        day.intraday_paid += paid
        day.intraday_cost += cost


def close_day(token: Token, market: Market, nav: Decimal, price: Decimal) -> DayAttributed:
    """What the time since the last fix was made of, at a NAV and price now."""
    day = token.day
    before, now = money(day.nav), money(nav)
    parts: dict[str, Any] = {
        "move": money(token.terms.multiplier * day.nav * (price / day.price - ONE)),
        "reset_timing": money(day.reset * price - day.reset_paid),
        "intraday_timing": money(day.intraday * price - day.intraday_paid),
        "reset_cost": day.reset_cost,
        "intraday_cost": day.intraday_cost,
        "funding": day.funding,
        "fee": day.fee,
        "interest": day.interest,
    }
    tracking = nav / token.rule_value if token.rule_value > ZERO else None
    return DayAttributed(
        underlying=token.underlying,
        token=token.token,
        since=day.since,
        nav_before=before,
        nav=now,
        price_before=day.price,
        price=price,
        drift=now - before - sum(parts.values(), ZERO),
        day_high=max(market.day_high, price),
        day_low=min(market.day_low or price, price),
        tracking_difference_day=money(tracking / day.tracking - ONE) if tracking is not None and day.tracking else None,
        tracking_difference=None if tracking is None else money(tracking - ONE),
        benchmark=token.benchmark,
        rule_value=token.rule_value,
        **parts,
    )


def scale_day(day: Day, ratio: Decimal) -> None:
    """So many units became one."""
    for name in ("nav", "reset", "reset_paid", "intraday", "intraday_paid", *_COSTS):
        setattr(day, name, money(getattr(day, name) * ratio))
