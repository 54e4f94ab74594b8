"""Command-line values that several commands take, read exactly; and the options that take them."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import typer

from engine.domain.instants import Instant, parse_instant

ZERO = Decimal(0)
BASIS_POINT = Decimal("0.0001")


def decimal_option(value: str) -> Decimal:
    """A finite decimal, as it was written."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise typer.BadParameter(f"{value!r} is no number") from None
    if not number.is_finite():
        raise typer.BadParameter(f"{value!r} is not finite")
    return number


def amount_option(value: str) -> Decimal:
    """A decimal that is not below 0."""
    number = decimal_option(value)
    if number < 0:
        raise typer.BadParameter(f"{value!r} is below 0")
    return number


def leverage_option(value: str) -> Decimal | Literal["default", "none"]:
    """A leverage, `none` for no limit, `default` for the specification's."""
    match value:
        case "default" | "none":
            return value
        case _:
            return decimal_option(value)


def instant_option(value: str) -> Instant:
    """An RFC 3339 time or a date, which is its midnight UTC."""
    try:
        return parse_instant(value if "T" in value else f"{value}T00:00:00Z")
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no RFC 3339 time such as 2024-04-14T00:00Z") from None


MULTIPLIER = typer.Option(parser=decimal_option, help="Signed multiplier of a token; may be repeated.", metavar="L")
MaxLeverage = Annotated[
    Any, typer.Option(parser=leverage_option, help="De-lever at this leverage; none for never.", metavar="X|none")
]
Slippage = Annotated[Decimal, typer.Option(parser=amount_option, help="Of the price, against the token.", metavar="X")]
Commission = Annotated[Decimal, typer.Option(parser=amount_option, help="Of the notional.", metavar="X")]
From = Annotated[
    int | None,
    typer.Option("--from", parser=instant_option, help="First time, inclusive: RFC 3339 or a date.", metavar="TIME"),
]
To = Annotated[
    int | None, typer.Option("--to", parser=instant_option, help="Last time, exclusive: likewise.", metavar="TIME")
]
