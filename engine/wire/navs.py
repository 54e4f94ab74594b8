"""NAV records as JSON: the one output there are many of, so it is spelled out instead of walked through by pydantic.

Most of a record stands still from one trade to the next; that part is kept as text while it does.
"""

from decimal import Decimal
from operator import attrgetter
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

_standing = attrgetter(*STANDING)


class NavEncoder:
    """Encodes NAV records, remembering of each token what stands still, and the price all tokens share."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: dict[str, tuple[tuple[Any, ...], str]] = {}
        self._price: tuple[Decimal | None, str] = None, "null"

    def encode(self, nav: NavPublished) -> str:
        """The fields of a record, without the braces. No name needs escaping: `fields.Name` allows nothing to."""
        value = _decimal(nav.nav)
        inav = value if nav.inav is nav.nav else _decimal(nav.inav)
        return (
            f'"underlying":"{nav.underlying}","token":"{nav.token}","status":"{nav.status}","nav":{value},'
            f'"price":{self._price_of(nav)},"leverage":{_decimal(nav.leverage)},"drift":{_decimal(nav.drift)},'
            f'"benchmark":{_decimal(nav.benchmark)},"rule_value":{_decimal(nav.rule_value)},'
            f'"tracking_difference":{_decimal(nav.tracking_difference)},"premium":{_decimal(nav.premium)},'
            f'"discount":{_decimal(nav.discount)},"inav_dispersion":{_decimal(nav.inav_dispersion)},'
            f'"accrued_fee":{_decimal(nav.accrued_fee)},"inav":{inav},"inav_venues":{nav.inav_venues},'
            f'"inav_age_ms":{nav.inav_age_ms},"halted":{"true" if nav.halted else "false"},'
            f'"next_reset":"{format_instant(nav.next_reset)}",{self._standing_of(nav)},'
            f'"terms_version":{nav.terms_version}'
        )

    def _price_of(self, nav: NavPublished) -> str:
        if self._price[0] is not nav.price:
            self._price = nav.price, _decimal(nav.price)
        return self._price[1]

    def _standing_of(self, nav: NavPublished) -> str:
        values = _standing(nav)
        kept = self._kept.get(nav.token)
        if kept is not None and kept[0] == values:
            return kept[1]
        standing = ",".join([f'"{name}":{_decimal(value)}' for name, value in zip(STANDING, values, strict=True)])
        self._kept[nav.token] = values, standing
        return standing


def _decimal(value: Decimal | None) -> str:
    return "null" if value is None else f'"{text(value)}"'
