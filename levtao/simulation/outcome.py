"""The distribution of what holders got, by multiplier and holding time, with the closed form beside it."""

from dataclasses import asdict, dataclass
from math import exp, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from levtao.closed_form import YEAR_DAYS
from levtao.simulation.model import Model
from levtao.simulation.walk import Walk

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Returns are shares of 1; probabilities are shares of the paths."""

    multiplier: float
    days: int
    paths: int
    mean: float
    mean_error: float
    """Standard error of the mean: of a thousand such means two thirds lie within it."""
    percentiles: dict[int, float]
    loss: float
    """Share of paths with less than was put in."""
    below_underlying: float
    """Share of paths in which the underlying alone would have been better."""
    terminated: float
    closed_mean: float
    closed_percentiles: dict[int, float]
    """Of the continuously rebalanced multiple with the model's whole variance, as if it were log-normal."""

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)


def outcomes(model: Model, found: Walk) -> list[Outcome]:
    """One for each multiplier and holding time, in the order asked for."""
    return [
        _outcome(model, found, multiplier, days) for multiplier in found.plan.multipliers for days in found.plan.days
    ]


def _outcome(model: Model, found: Walk, multiplier: float, days: int) -> Outcome:
    values, prices = found.values[multiplier][days], found.prices[days]
    percentiles = np.percentile(values, PERCENTILES) - 1
    years = days / YEAR_DAYS
    return Outcome(
        multiplier=multiplier,
        days=days,
        paths=len(values),
        mean=float(values.mean() - 1),
        mean_error=float(values.std(ddof=1) / sqrt(len(values))) if len(values) > 1 else float("nan"),
        percentiles=dict(zip(PERCENTILES, (float(each) for each in percentiles), strict=True)),
        loss=float((values < 1).mean()),
        below_underlying=float((values < prices).mean()),
        terminated=float((values <= 0).mean()),
        closed_mean=exp(multiplier * model.drift * years) - 1,
        closed_percentiles={each: _closed(model, multiplier, years, each / 100) - 1 for each in PERCENTILES},
    )


def _closed(model: Model, multiplier: float, years: float, share: float) -> float:
    """A quantile of the closed form over log-normal prices.

    With log(P_T/P_0) normal of mean (drift - variance/2) * T, the log of the multiple is normal of mean
    (L*drift - L^2*variance/2) * T and deviation abs(L) * sqrt(variance * T).
    """
    variance = model.variance * years
    centre = multiplier * model.drift * years - multiplier**2 * variance / 2
    return exp(centre + abs(multiplier) * sqrt(variance) * NormalDist().inv_cdf(share))
