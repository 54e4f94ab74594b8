"""How much is tried: what fits the ordinary test run, times LEVTAO_FUZZ."""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("LEVTAO_FUZZ", "1"))


def tried(examples: int) -> Callable[[Any], Any]:
    """So many examples in an ordinary run."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(max_examples=examples * TIMES, suppress_health_check=unhurried)
