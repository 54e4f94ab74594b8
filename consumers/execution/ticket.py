"""An order as a venue takes it: by client order id, in the venue's contracts, lots and ticks. Exact, pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from hashlib import sha256

from engine.domain.instants import Instant
from engine.domain.numbers import ZERO, exact, text
from engine.domain.outputs import OrderSent, Side

ID_LENGTH = 32
"""Of a client order id: OKX takes 32 letters and digits, Binance 36 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a market takes. Amounts are in contracts of `unit` of the underlying; a spot market's unit is 1."""

    base: str
    quote: str
    unit: Decimal
    step: Decimal
    """Amounts are whole multiples of it."""
    tick: Decimal
    """Prices are whole multiples of it."""
    least: Decimal = ZERO
    most: Decimal | None = None
    least_notional: Decimal = ZERO
    """In quote currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What is to be placed, and what it was asked as."""

    underlying: str
    order_id: str
    client_id: str
    side: Side
    quantity: Decimal
    """As the engine asked, in units of the underlying."""
    unit: Decimal
    contracts: Decimal
    """At most `quantity`, as the venue counts."""
    price: Decimal
    """At least as good as the order's limit."""
    expires: Instant
    resting: bool
    """Whether it may rest in the venue's book until its expiry."""


def client_id(app: str, order: OrderSent) -> str:
    """The id a venue knows the order by: always the same one, on every restart and in every process.

    The expiry is in it: order ids are places in the input log, and begin again where topics are made anew; an order
    of the old topics must not be taken for one of the new.
    """
    name = f"{app}/{order.order_id}/{order.expires}"
    return f"lt{sha256(name.encode()).hexdigest()}"[:ID_LENGTH]


def write_ticket(app: str, order: OrderSent, rules: Rules, *, resting: bool) -> tuple[Ticket, str | None]:
    """The order as the market takes it, and why it takes it not, if so.

    The price is rounded to the tick away from the market, never beyond the limit; the quantity toward zero to the
    lot, and cut to the most a market takes at once.
    """
    with exact():
        rounding = ROUND_FLOOR if order.side == "buy" else ROUND_CEILING
        price = (order.limit_price / rules.tick).to_integral_value(rounding) * rules.tick
        contracts = (order.quantity / rules.unit / rules.step).to_integral_value(ROUND_DOWN) * rules.step
        if rules.most is not None:
            contracts = min(contracts, rules.most)
        notional = contracts * rules.unit * price
    problem = None
    if price <= 0:
        problem = f"the limit {text(order.limit_price)} is below the venue's tick {text(rules.tick)}"
    elif not contracts or contracts < rules.least:
        least = text(max(rules.least, rules.step) * rules.unit)
        problem = f"quantity {text(order.quantity)} is below the venue's minimum {least}"
    elif notional < rules.least_notional:
        problem = f"notional {text(notional)} is below the venue's minimum {text(rules.least_notional)}"
    ticket = Ticket(
        underlying=order.underlying,
        order_id=order.order_id,
        client_id=client_id(app, order),
        side=order.side,
        quantity=order.quantity,
        unit=rules.unit,
        contracts=contracts,
        price=price,
        expires=order.expires,
        resting=resting,
    )
    return ticket, problem
