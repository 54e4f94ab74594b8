"""Section 5: creations stop before the product outgrows its market."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.primary_events import RequestReceived
from tests.desk import Desk, d, only
from tests.domain.primary_scenes import accepted_creation, admit, create, primary, redeem, refusal, withdraw
from tests.domain.scenes import NAME, kinds

LIMITED: dict[str, Any] = {"max_slice_notional": d(10_000), "de_lever_time_s": 60}
"""Three slices in a minute: 30000 of selling. A 3x token at 4 needs 2/3 of its value: up to 45000, 450 units."""


def most(desk: Desk) -> int:
    """The largest creation that is not refused, found by asking."""
    low, high = 0, 2000
    while low < high:
        middle = (low + high + 1) // 2
        name = f"m{desk.offset}"
        if kinds(create(desk, middle, name), RequestReceived):
            withdraw(desk, name)
            low = middle
        else:
            high = middle - 1
    return low


def test_a_creation_up_to_the_capacity_is_taken_and_beyond_it_refused() -> None:
    desk = primary(**LIMITED)
    assert refusal(create(desk, 351, "c1")) == "capacity"
    only(create(desk, 349, "c1"), RequestReceived)


@pytest.mark.parametrize(
    ("multiplier", "limit", "interval_s", "time_s"),
    [
        (3, 4, 30, 60),
        (3, 4, 30, 59),
        (3, 5, 30, 60),
        (-3, 4, 30, 60),
        (-1, 2, 30, 30),
        (2, 3, 20, 90),
        (-2, "2.5", 7, 50),
    ],
)
def test_the_capacity_is_that_of_the_formula(multiplier: int, limit: Any, interval_s: int, time_s: int) -> None:
    desk = primary(
        multiplier,
        seed="0.5",
        max_slice_notional=d(10_000),
        slice_interval_s=interval_s,
        de_lever_time_s=time_s,
        token={"max_leverage": d(limit), "emergency_leverage": "none"},
    )
    k, m = Decimal(abs(multiplier)), d(limit)
    r = (m - k) / (k - m * multiplier)
    capacity = (time_s // interval_s + 1) * 10_000 / ((m - k) * (1 + multiplier * r))
    assert most(desk) == min(2000, int((capacity - 50) / 100))


def test_tokens_of_one_side_share_the_capacity() -> None:
    desk = primary(seed="99.5", **LIMITED)
    desk.token("TAO2L", 2, seed=100, max_leverage=d(4), emergency_leverage="none")
    desk.quote(200, 1000)
    # 2x at 4: r* = 2 / (2 - 8) = -1/3; 10000 * 2 * 1/3 = 6667 of the 30000; 3x may have 35000
    assert most(desk) == 250


def test_the_other_side_has_its_own() -> None:
    desk = primary(seed="99.5", **LIMITED)
    desk.token("TAO3S", -3, seed=100)
    desk.quote(200, 1000)
    admit(desk, "AP", NAME, "TAO3S")
    assert most(desk) == 350


def test_queued_creations_count() -> None:
    desk = primary(**LIMITED)
    accepted_creation(desk, 200)
    assert refusal(create(desk, 151, "c2")) == "capacity"
    only(create(desk, 149, "c2"), RequestReceived)


def test_redemptions_are_not_limited() -> None:
    desk = primary(seed=1000, **LIMITED)
    assert refusal(create(desk, 1)) == "capacity"
    only(redeem(desk, 500), RequestReceived)


@pytest.mark.parametrize("terms", [{"max_slice_notional": d(10_000)}, {"de_lever_time_s": 60}, {}])
def test_without_a_slice_or_a_time_there_is_no_capacity(terms: dict[str, Any]) -> None:
    only(create(primary(**terms), 100_000), RequestReceived)


def test_a_token_that_never_de_levers_takes_none_of_it() -> None:
    desk = primary(token={"max_leverage": "none"}, **LIMITED)
    only(create(desk, 1500), RequestReceived)
