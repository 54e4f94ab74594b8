"""The simulation: within its standard error of what is known, the same for a seed, and at one with the core."""

from math import exp, sqrt

import numpy as np
import pytest

from levtao.backtest import Settings
from levtao.closed_form import multiple
from levtao.simulation.check import check
from levtao.simulation.model import Model, ModelError
from levtao.simulation.outcome import outcomes
from levtao.simulation.walk import Plan, Walk, walk
from tests.desk import d


def simulated(model: Model, plan: Plan) -> Walk:
    return walk(model, plan, lambda _: None)


@pytest.mark.parametrize("model", [
    Model(volatility=0.6, drift=0.3),
    Model(volatility=0.5, tails=6),
    Model(volatility=0.3, jumps_a_year=12, jump_mean=-0.05, jump_deviation=0.1),
])  # fmt: skip
def test_the_underlying_grows_and_moves_as_the_model_says(model: Model) -> None:
    prices = simulated(model, Plan(multipliers=(2.0,), days=(90,), paths=20_000, steps_a_day=4)).prices[90]
    years = 90 / 365
    error = prices.std(ddof=1) / sqrt(len(prices))
    assert abs(prices.mean() - exp(model.drift * years)) < 4 * error
    assert np.log(prices).var() == pytest.approx(model.variance * years, rel=0.06)


@pytest.mark.parametrize("multiplier", [2.0, 3.0, -1.0, -2.0])
def test_a_token_of_a_fair_market_is_worth_what_was_paid(multiplier: float) -> None:
    model = Model(volatility=0.5)
    plan = Plan(multipliers=(multiplier,), days=(30,), paths=20_000, max_leverage="none")
    [found] = outcomes(model, simulated(model, plan))
    assert abs(found.mean) < 4 * found.mean_error
    assert found.terminated == 0


@pytest.mark.parametrize("multiplier", [2.0, -2.0])
def test_the_closed_form_lies_within_the_standard_error(multiplier: float) -> None:
    model = Model(volatility=0.4, drift=0.1)
    found = simulated(model, Plan(multipliers=(multiplier,), days=(180,), paths=20_000, max_leverage="none"))
    values = found.values[multiplier][180]
    expected = multiple(found.prices[180], multiplier, model.variance * 180 / 365)
    apart = values - expected
    assert abs(apart.mean()) < 4 * values.std(ddof=1) / sqrt(len(values))
    assert np.corrcoef(np.log(values), np.log(expected))[0, 1] > 0.98


def test_the_distribution_is_that_of_the_closed_form() -> None:
    model = Model(volatility=0.5)
    [found] = outcomes(model, simulated(model, Plan(multipliers=(2.0,), days=(90,), paths=20_000, max_leverage="none")))
    for percentile in (5, 25, 50, 75, 95):
        simulated_value, closed = 1 + found.percentiles[percentile], 1 + found.closed_percentiles[percentile]
        assert simulated_value == pytest.approx(closed, rel=0.05)
    assert found.loss > 0.5
    assert found.below_underlying > found.loss


def test_a_seed_is_a_market_whatever_is_asked_of_it() -> None:
    model = Model(volatility=0.9, tails=4, jumps_a_year=3)
    one = simulated(model, Plan(multipliers=(3.0,), days=(7,), paths=50, seed=5))
    two = simulated(model, Plan(multipliers=(2.0, 3.0), days=(1, 7), paths=50, seed=5))
    other = simulated(model, Plan(multipliers=(3.0,), days=(7,), paths=50, seed=6))
    assert one.values[3.0][7].tolist() == two.values[3.0][7].tolist()
    assert one.prices[7].tolist() != other.prices[7].tolist()


@pytest.mark.parametrize(
    ("limit", "slippage", "commission"),
    [("default", "0", "0"), ("none", "0.001", "0.0005"), ("default", "0.002", "0.001")],
)
def test_the_exact_core_says_the_same(limit: str, slippage: str, commission: str) -> None:
    model = Model(volatility=2.0, tails=3, jumps_a_year=40, jump_mean=-0.1)
    plan = Plan(
        multipliers=(3.0, -3.0, 2.0), days=(7, 40), paths=200, steps_a_day=6, kept=12, seed=3,
        max_leverage="none" if limit == "none" else "default", slippage=float(slippage), commission=float(commission),
    )  # fmt: skip
    found = simulated(model, plan)
    settings = Settings(
        multipliers=(d(3), d(-3), d(2)), max_leverage="none" if limit == "none" else "default",
        slippage=d(slippage), commission=d(commission),
    )  # fmt: skip
    compared = check(found, settings)
    assert (compared.paths, compared.tokens) == (12, 3)
    assert compared.agrees, compared.largest
    if limit == "none":
        assert any((found.values[lever][40][:12] == 0).any() for lever in plan.multipliers)


def test_a_check_that_differs_is_told() -> None:
    plan = Plan(multipliers=(3.0,), days=(5,), paths=10, kept=3)
    found = simulated(Model(volatility=0.9), plan)
    found.values[3.0][5] *= 1.000001
    assert not check(found, Settings(multipliers=(d(3),))).agrees


@pytest.mark.parametrize(
    "wrong",
    [{"volatility": -1}, {"volatility": 80}, {"volatility": 1, "tails": 2}, {"volatility": 1, "jumps_a_year": -1}],
)
def test_what_is_no_model_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError):
        Model(**wrong)


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(ModelError, match="at least one day"):
        Plan(multipliers=(3.0,), days=())
    with pytest.raises(ModelError, match="no more paths than there are"):
        Plan(multipliers=(3.0,), days=(1,), paths=5, kept=6)
