"""Section 6: interest on the loan of a spot basket."""

from typing import Any

import pytest

from engine.domain.notices import DayAttributed, FeePaid
from engine.domain.outputs import NavPublished, OrderSent, TokenReset
from engine.domain.state import record_name
from engine.wire.states import decode_record, encode_record
from tests.desk import Desk, d, only
from tests.domain.costs_scenes import HALF_DAY_S, held, is_exact, moment
from tests.domain.scenes import NAME, kinds, near, spaced, values

LOAN: dict[str, Any] = {"loan_rate": d("0.365"), "basket_kind": "spot"}  # a thousandth a day


def lent(multiplier: Any = 3, **terms: Any) -> Desk:
    """150 TAO for 20000 of a loan, half a day before the boundary."""
    return held(multiplier, token=LOAN | terms.pop("token", {}), **terms)


def test_a_loan_costs_its_yearly_rate() -> None:
    desk = lent()
    desk.quote(210, -1)
    said = desk.clock(0)
    paid, reset = only(said, FeePaid), only(said, TokenReset)
    assert values(paid.fee, paid.interest, paid.since) == (0, 10, moment(-HALF_DAY_S))
    assert said.index(paid) < said.index(reset)
    assert values(reset.equity) == (11490,)
    assert near(reset.goal, d(3) * 11490 / 210)


def test_the_nav_is_net_of_it() -> None:
    desk = lent(publication_interval_s=1)
    nav = only(desk.quote(210, -HALF_DAY_S / 2), NavPublished)
    assert near(nav.nav, "114.95")
    assert near(nav.leverage, d(31500) / 11500)


def test_it_is_a_part_of_the_day() -> None:
    desk = lent()
    desk.quote(210, -1)
    day = only(desk.clock(0), DayAttributed)
    assert near(day.interest, "-0.1")
    assert is_exact(day)


@pytest.mark.parametrize(("multiplier", "token"), [(-3, {}), (3, {"basket_kind": "perpetual"})])
def test_only_a_loan_of_a_spot_basket_costs(multiplier: int, token: dict[str, Any]) -> None:
    desk = lent(multiplier, token=token)
    desk.quote(210, -1)
    assert [paid.interest for paid in kinds(desk.clock(0), FeePaid)] in ([], [0])
    assert near(desk[NAME].basket * 210 + desk[NAME].cash, 11500 if multiplier > 0 else 8500)


def test_what_is_paid_back_costs_no_longer() -> None:
    desk = spaced(token=LOAN, at=-HALF_DAY_S)
    order = only(desk.quote(160, -HALF_DAY_S / 2), OrderSent)
    desk.fill(order, 25, 160)
    assert desk[NAME].cash == -8000
    desk.quote(160, -1)
    assert near(only(desk.clock(0), FeePaid).interest, 3 + 2)


def test_it_goes_on_the_next_day_on_the_new_loan() -> None:
    desk = lent()
    desk.quote(200, -1)
    desk.clock(0)
    loan = -desk[NAME].cash
    desk.quote(200, 86_399)
    assert near(only(desk.clock(86_400), FeePaid).interest, loan * d("0.001"))


def test_with_a_fee_both_are_paid() -> None:
    desk = lent(token={"yearly_fee": d("0.365")})
    desk.quote(210, -1)
    paid = only(desk.clock(0), FeePaid)
    assert paid.interest == 10
    assert near(paid.fee, "5.75", 2)


def test_what_has_accrued_is_kept_over_a_restart() -> None:
    desk = spaced(token=LOAN, at=-HALF_DAY_S)
    order = only(desk.quote(160, -HALF_DAY_S / 2 + 7), OrderSent)
    desk.fill(order, 25, 160)
    token = desk[NAME]
    assert token.interest > 0
    assert decode_record(record_name(token), encode_record(token)) == token
