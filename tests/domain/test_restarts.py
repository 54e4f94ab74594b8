"""Section 9: what was said does not tell where the process stopped and started again, in words either."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.domain.events import Body
from engine.domain.notices import UnitsMerged
from engine.domain.outputs import InputRefused, OrderSent, TokenClosed
from engine.domain.primary_events import RequestRefused
from tests.desk import Desk, d, only
from tests.domain.costs_life import rebuilt
from tests.domain.costs_scenes import admitted, asks_to_redeem, creates, held, merge, resettled
from tests.domain.scenes import kinds, launched, worked

Act = Callable[[Desk], list[Body]]


def alike(make: Callable[[], Desk], act: Act, said: Callable[[list[Body]], Any]) -> bool:
    """Whether a book that goes on and one that was read back say the same."""
    going_on, restarted = make(), make()
    rebuilt(restarted)
    return bool(said(act(going_on)) == said(act(restarted)))


def merged(**caps: Any) -> Desk:
    """Ten units left of a hundred, the caps a tenth as well."""
    desk = held()
    admitted(desk, **caps)
    asks_to_redeem(desk, 10, "R0")
    merge(desk, 10)
    return desk


def code(said: list[Body]) -> tuple[str, str]:
    """What a request was refused for, in words."""
    refused = only(said, RequestRefused)
    return refused.code, refused.detail


@pytest.mark.parametrize("caps", [{}, {"per_order": 20}, {"per_day": 30}, {"in_total": 30}])
def test_a_refused_redemption_reads_alike(caps: dict[str, Any]) -> None:
    assert alike(lambda: merged(**caps), lambda desk: asks_to_redeem(desk, 60, "R1"), code)


def test_a_refused_part_of_a_unit_reads_alike() -> None:
    assert alike(merged, lambda desk: asks_to_redeem(desk, "1.5", "R1"), code)


def test_a_creation_beyond_the_market_reads_alike() -> None:
    def small() -> Desk:
        desk = held(max_slice_notional=d(100), token={"max_leverage": "default"})
        resettled(desk, de_lever_time_s=60)
        admitted(desk)
        return desk

    assert alike(small, lambda desk: creates(desk, 1000, 200_000)[:1], code)


def test_units_merged_by_the_floor_read_alike() -> None:
    def before_the_reset() -> Desk:
        desk = worked(token={"nav_floor": d("90.50")})
        desk.quote(190, -1)
        return desk

    assert alike(before_the_reset, lambda desk: desk.clock(0), lambda said: only(said, UnitsMerged).reason)


@pytest.mark.parametrize("ratio", ["100000000000000", "0.00000000000001"])
def test_a_merge_never_makes_what_cannot_be_read_back(ratio: str) -> None:
    desk = held()
    said = merge(desk, ratio)
    assert len(kinds(said, UnitsMerged)) + len(kinds(said, InputRefused)) == 1
    rebuilt(desk)


def test_a_split_never_makes_caps_that_cannot_be_read_back() -> None:
    desk = held()
    admitted(desk, in_total=d(999_999_999_999_999))
    merge(desk, "0.1")
    rebuilt(desk)


def test_a_token_closed_with_parts_of_units_can_be_read_back() -> None:
    desk = launched(3, nav=60, price=180, seed=d("7.123456789"), token={"max_leverage": "none"}, lot=d(0))
    order = only(desk.quote(120, -100), OrderSent)
    only(desk.fill(order, order.quantity, 130, commission="0.777"), TokenClosed)
    rebuilt(desk)
