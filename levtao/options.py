"""Command-line values that several commands take, read exactly."""

from decimal import Decimal, InvalidOperation
from typing import Literal

import typer

from engine.domain.instants import Instant, parse_instant


def decimal_option(value: str) -> Decimal:
    """A finite decimal, as it was written."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise typer.BadParameter(f"{value!r} is no number") from None
    if not number.is_finite():
        raise typer.BadParameter(f"{value!r} is not finite")
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
