"""Exact decimal arithmetic: one context, three roundings, one way to share an amount out.

Every number of the domain is a `Decimal` computed at 50 significant digits, half-even. What is stored is
cut to 18 places: quantities and units toward zero, money half-even. Binary floats are refused by the
context itself (`FloatOperation` is trapped).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    InvalidOperation,
    Overflow,
    localcontext,
)

ZERO = Decimal(0)
ONE = Decimal(1)
HALF = Decimal("0.5")
PLACES = Decimal("1E-18")

EXACT = Context(
    prec=50,
    rounding=ROUND_HALF_EVEN,
    traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)


@contextmanager
def exact() -> Iterator[None]:
    """Compute inside this block as the specification demands, whatever context the caller has."""
    with localcontext(EXACT):
        yield


def toward_zero(value: Decimal) -> Decimal:
    """A stored quantity or number of units: 18 places, toward zero."""
    return _cut(value, ROUND_DOWN)


def money(value: Decimal) -> Decimal:
    """A stored amount of quote currency: 18 places, half-even."""
    return _cut(value, ROUND_HALF_EVEN)


def paid_in(value: Decimal) -> Decimal:
    """A payment to the token, rounded up to 18 places: the token never loses by rounding."""
    return _cut(value, ROUND_CEILING)


def paid_out(value: Decimal) -> Decimal:
    """A payment by the token, rounded down to 18 places: the token never loses by rounding."""
    return _cut(value, ROUND_FLOOR)


def _cut(value: Decimal, rounding: str) -> Decimal:
    """Cut to 18 places. From 1e32 on fifty digits have no room for them: such a value stays as it was computed.

    So no input, however absurd its price, can stop the core.
    """
    try:
        return value.quantize(PLACES, rounding)
    except InvalidOperation:
        return +value


def whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    """`quantity` cut toward zero to a multiple of `lot`; a lot of zero means no rounding."""
    if not lot:
        return quantity
    return (quantity / lot).to_integral_value(ROUND_DOWN) * lot


def share_out(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """`total` pro rata to `weights`, to 18 places toward zero; the remainder goes to the first.

    The parts sum to `total` exactly. Weights are not negative and not all zero.
    """
    whole = sum(weights, ZERO)
    parts = [toward_zero(total * weight / whole) for weight in weights]
    parts[0] += total - sum(parts, ZERO)
    return parts


def fill_up(total: Decimal, room: Sequence[Decimal]) -> list[Decimal]:
    """`total` pro rata to `room`, no part above its room; what rounding leaves goes to the first with room.

    `total` is not above the sum of `room`; the parts sum to `total` exactly.
    """
    whole = sum(room, ZERO)
    if total == whole:
        return list(room)
    parts = [toward_zero(total * place / whole) for place in room]
    rest = total - sum(parts, ZERO)
    for number, place in enumerate(room):
        extra = min(rest, place - parts[number])
        parts[number] += extra
        rest -= extra
    return parts


def text(value: Decimal) -> str:
    """The one canonical spelling of a value: plain digits, no exponent, no trailing zeros, no minus zero."""
    if not value:
        return "0"
    digits = str(value)
    if "E" in digits:
        digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
