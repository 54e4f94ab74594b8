"""Books in the positions the specification's worked numbers start from."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from engine.domain.events import Body
from tests.desk import B, Desk, d

DAY_S = 86_400
NAME = "TAO3L"
EXACTLY: dict[str, Any] = {"lot": Decimal(0), "min_notional": Decimal(0)}
"""Terms under which every want is sent to its last digit."""


def launched(
    multiplier: Any = 3, *, nav: Any = 100, price: Any = 200, seed: Any = 100, at: float = -200, **terms: Any
) -> Desk:
    """A desk whose one token TAO3L launched at `price`; `token` terms go to the token, the rest to the underlying."""
    token = terms.pop("token", {})
    desk = Desk.open(**terms)
    desk.token(NAME, multiplier, seed=seed, initial_nav=d(nav), **token)
    desk.quote(price, at)
    assert desk[NAME].units == d(seed)
    return desk


def spaced(**terms: Any) -> Desk:
    """A 3x token of 100 units: q=100, c=-12000. Leverage 3 at 180, 4 at 160, 6 at 144, 2 at 240, spent at 120."""
    return launched(3, nav=60, price=180, **terms)


def worked(**terms: Any) -> Desk:
    """A 3x token of 100 units: q=150, c=-20000. Leverage 3 at 200, emergency at 160, spent at 133.33."""
    return launched(3, nav=100, price=200, **terms)


def near(value: Decimal | int | None, expected: Any, places: int = 15) -> bool:
    """Whether two numbers agree to `places` decimals."""
    return value is not None and abs(value - d(expected)) <= Decimal(1).scaleb(-places)


def kinds(bodies: Iterable[Body], kind: type[B]) -> list[B]:
    """The bodies of a kind."""
    return [body for body in bodies if isinstance(body, kind)]


def values(*given: object) -> tuple[object, ...]:
    """Several values as one, to be compared with what a test wrote down."""
    return given
