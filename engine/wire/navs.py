"""NAV records as JSON: the one output there are many of, so it is spelled out instead of walked through by pydantic.

Most of a record stands still from one trade to the next. That part is kept as text for as long as the very same
objects are in it: what a token holds is replaced when it changes, never altered.
"""

from decimal import Decimal
from operator import attrgetter, is_
from typing import Any

from engine.domain.instants import format_instant
from engine.domain.numbers import text
from engine.domain.outputs import NavPublished

STANDING = (
    "units",
    "basket",
    "cash",
    "goal",
    "open",
    "zero_price",
    "max_leverage_price",
    "emergency_price",
    "min_leverage_price",
)
"""Decimals that change only with what a token holds, wants or is allowed."""

MOVING = (
    "nav",
    "price",
    "leverage",
    "drift",
    "benchmark",
    "rule_value",
    "tracking_difference",
    "premium",
    "discount",
    "inav_dispersion",
    "accrued_fee",
)
"""Decimals that move with the price; `inav` beside them is mostly the NAV itself."""

_standing = attrgetter(*STANDING)
_moving = attrgetter(*MOVING)


class NavEncoder:
    """Encodes NAV records, remembering of each token what stands still."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: dict[str, tuple[tuple[Any, ...], str]] = {}

    def encode(self, nav: NavPublished) -> str:
        """The fields of a record, without the braces. No name needs escaping: `fields.Name` allows nothing to."""
        moving = [f'"{name}":{_decimal(value)}' for name, value in zip(MOVING, _moving(nav), strict=True)]
        inav = moving[0][5:] if nav.inav is nav.nav else f":{_decimal(nav.inav)}"
        halted = "true" if nav.halted else "false"
        return (
            f'"underlying":"{nav.underlying}","token":"{nav.token}","status":"{nav.status}",{",".join(moving)},'
            f'"inav"{inav},"inav_venues":{nav.inav_venues},"inav_age_ms":{nav.inav_age_ms},"halted":{halted},'
            f'"next_reset":"{format_instant(nav.next_reset)}",{self._standing_of(nav)},'
            f'"terms_version":{nav.terms_version}'
        )

    def _standing_of(self, nav: NavPublished) -> str:
        values = _standing(nav)
        kept = self._kept.get(nav.token)
        if kept is not None and all(map(is_, kept[0], values)):
            return kept[1]
        standing = ",".join([f'"{name}":{_decimal(value)}' for name, value in zip(STANDING, values, strict=True)])
        self._kept[nav.token] = values, standing
        return standing


def _decimal(value: Decimal | None) -> str:
    return "null" if value is None else f'"{text(value)}"'
