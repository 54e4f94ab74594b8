"""Terms that could never work are refused with the reason, and those just beside them are not."""

from typing import Any

import pytest

from engine.domain.terms import TokenTerms, UnderlyingTerms
from tests.desk import d

TOO_MUCH: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"min_venues": 1}, {"min_venues": 0}, "min_venues is at least 1"),
    ({"venues": tuple("abcdefghijklmnop")}, {"venues": tuple("abcdefghijklmnopq")}, "at most 16 venues"),
    ({"venues": ("a", "b")}, {"venues": ("a", "b", "b")}, "a venue is named twice"),
    ({"venues": ()}, {"venues": ("a",)}, "fewer venues than min_venues: never an index"),
    ({"slippage": d("0.999")}, {"slippage": d(1)}, "slippage is below 1"),
    ({"late_funding_h": 240}, {"late_funding_h": 241}, "late_funding_h is at most 240"),
    ({"tolerance": d("0.999")}, {"tolerance": d(1)}, "tolerance is below 1"),
    ({"emergency_tolerance": d("0.999")}, {"emergency_tolerance": d(1)}, "emergency_tolerance is below 1"),
    (
        {"max_slice_notional": d(10)},
        {"max_slice_notional": d("9.999")},
        "max_slice_notional is below min_notional: nothing could be sent",
    ),
    ({"reset_offset_s": 86_399}, {"reset_offset_s": 86_400}, "reset_offset_s is below one day"),
]


@pytest.mark.parametrize(("works", "fails", "reason"), TOO_MUCH)
def test_terms_of_an_underlying_that_cannot_work_are_refused_with_the_reason(
    works: dict[str, Any], fails: dict[str, Any], reason: str
) -> None:
    UnderlyingTerms(**works)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        UnderlyingTerms(**fails)


@pytest.mark.parametrize(
    ("works", "fails", "reason"),
    [
        ({"multiplier": d("1.001")}, {"multiplier": d(1)}, "multiplier is above 1 or below 0"),
        ({"multiplier": d("-0.001")}, {"multiplier": d(0)}, "multiplier is above 1 or below 0"),
        ({"multiplier": d(10)}, {"multiplier": d("10.001")}, "multiplier is at most 10 either way"),
        ({"multiplier": d(-10)}, {"multiplier": d("-10.001")}, "multiplier is at most 10 either way"),
        ({"max_leverage": d("3.001")}, {"max_leverage": d(3)}, "max_leverage 3 is not above the multiplier's size 3"),
        ({"min_leverage": d("2.9")}, {"min_leverage": d(3)}, "min_leverage 3 is not below the multiplier's size 3"),
        (
            {"max_leverage": "none", "emergency_leverage": "none"},
            {"max_leverage": "none", "emergency_leverage": d(6)},
            "emergency_leverage needs a max_leverage",
        ),
        (
            {"emergency_leverage": d(4)},
            {"emergency_leverage": d("3.9")},
            "emergency_leverage 3.9 is below max_leverage 4",
        ),
        ({"buffer": d("9.999")}, {"buffer": d(10)}, "buffer is below 10"),
        ({"creation_fee": d("0.999")}, {"creation_fee": d(1)}, "creation_fee is below 1"),
        ({"redemption_fee": d("0.999")}, {"redemption_fee": d(1)}, "redemption_fee is below 1"),
        ({"strike_interval_s": 0}, {"strike": "interval", "strike_interval_s": 0}, "strike_interval_s is above 0"),
        (
            {"strike": "interval", "strike_interval_s": 1},
            {"strike": "interval", "strike_interval_s": 0},
            "strike_interval_s is above 0",
        ),
        ({"premium_alert": d("0.01")}, {"premium_alert": d("0.009")}, "premium_alert is not below premium_band"),
        ({"floor_merge": 2}, {"floor_merge": 1}, "floor_merge is above 1"),
        (
            {"netted": False, "fills": "assumed"},
            {"netted": False},
            "only a token with assumed fills can stay un-netted",
        ),
    ],
)
def test_terms_of_a_token_that_cannot_work_are_refused_with_the_reason(
    works: dict[str, Any], fails: dict[str, Any], reason: str
) -> None:
    TokenTerms(**{"multiplier": d(3)} | works)
    with pytest.raises(ValueError, match=f"^{reason}$"):
        TokenTerms(**{"multiplier": d(3)} | fails)
