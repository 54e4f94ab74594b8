"""How the underlying moves: a geometric Brownian motion, with fat tails and jumps if asked for."""

from dataclasses import dataclass
from math import exp, sqrt
from pathlib import Path

import numpy as np

from engine.domain.instants import DAY
from levtao.closed_form import YEAR_DAYS
from levtao.report.series import Floats, Tape, as_of, day_marks, realised_variance
from producers.prices import PriceFile


class ModelError(ValueError):
    """Numbers that make no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Yearly numbers, shares of 1. The expected growth is exp(drift) a year, whatever volatility and jumps are."""

    volatility: float
    """Of the log price, yearly, without the jumps."""
    drift: float = 0.0
    """Log of the expected yearly growth."""
    tails: float | None = None
    """Degrees of freedom of Student's t, scaled to the same variance, for each step; None is normal."""
    jumps_a_year: float = 0.0
    """Merton (1976): so many jumps a year on average, at times nobody knows."""
    jump_mean: float = -0.1
    """Of the log of one jump."""
    jump_deviation: float = 0.1
    """Standard deviation of the log of one jump."""

    def __post_init__(self) -> None:
        """Refuse what has no variance or a negative one."""
        if not 0 <= self.volatility <= 20:
            raise ModelError("volatility is a yearly share between 0 and 20, such as 0.8")
        if self.tails is not None and self.tails <= 2:
            raise ModelError("tails need more than 2 degrees of freedom: with fewer there is no variance")
        if self.jumps_a_year < 0 or self.jump_deviation < 0:
            raise ModelError("jumps are not negative in number or deviation")

    @property
    def variance(self) -> float:
        """Yearly variance of the log price, jumps included."""
        return self.volatility**2 + self.jumps_a_year * (self.jump_mean**2 + self.jump_deviation**2)

    def growth(self, random: np.random.Generator, paths: int, years: float) -> Floats:
        """The factors by which `paths` prices change in one step of so many years."""
        jump_growth = self.jumps_a_year * (exp(self.jump_mean + self.jump_deviation**2 / 2) - 1)
        if self.tails is None:
            shock = random.standard_normal(paths)
        else:
            shock = random.standard_t(self.tails, paths) * sqrt((self.tails - 2) / self.tails)
        log = (self.drift - self.volatility**2 / 2 - jump_growth) * years + self.volatility * sqrt(years) * shock
        if self.jumps_a_year:
            jumps = random.poisson(self.jumps_a_year * years, paths)
            hit = np.flatnonzero(jumps)
            sizes = self.jump_mean * jumps[hit] + self.jump_deviation * np.sqrt(jumps[hit]) * random.standard_normal(
                len(hit)
            )
            log[hit] += sizes
        return np.asarray(np.exp(log))


def measured_volatility(path: Path) -> float:
    """Yearly volatility of the daily log returns of a file. Raises ModelError, PriceFileError or OSError."""
    tape = Tape()
    for _ in tape.watch(PriceFile(path).ticks()):
        pass
    times, prices = tape.arrays()
    if not len(times) or times[-1] - times[0] < 3 * DAY:
        raise ModelError(f"{path}: at least three days are needed to measure a volatility")
    marks = day_marks(int(times[0]), int(times[-1]), set())
    years = (marks[-1] - marks[0]) / (YEAR_DAYS * DAY)
    return float(np.sqrt(realised_variance(as_of(times, prices, marks))[-1] / years))
