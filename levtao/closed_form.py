"""What a daily reset multiple is worth after a time, in closed form: the reference for decay.

For a continuously rebalanced multiple L of an underlying that follows a geometric Brownian motion,
`A_T / A_0 = (P_T / P_0)^L * exp((L - L^2) / 2 * sigma^2 * T)` (Cheng and Madhavan, "The Dynamics of Leveraged and
Inverse Exchange-Traded Funds", 2009; Avellaneda and Zhang, "Path-Dependence of Leveraged ETF Returns", 2010). It is
what the tables of estimated returns in fund prospectuses are computed with. Floats: it is a statistic, not money.
"""

from typing import Any

import numpy as np

YEAR_DAYS = 365
"""A year of a market that never closes."""


def multiple(growth: Any, multiplier: float, variance: Any) -> Any:
    """What 1 has become.

    `growth` is P_T / P_0, `variance` is sigma^2 * T: the squared yearly volatility times years, or the sum of the
    squared log returns that were realised. Numbers or arrays of them.
    """
    return growth**multiplier * decay(multiplier, variance)


def decay(multiplier: float, variance: Any) -> Any:
    """The factor that volatility alone takes: exp((L - L^2) / 2 * sigma^2 * T), at most 1 for L >= 1 or L <= 0."""
    return np.exp((multiplier - multiplier**2) / 2 * variance)
