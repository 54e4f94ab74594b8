"""Ticks a second of the back-test, one token, from file to summary."""

import tempfile
from decimal import Decimal
from pathlib import Path
from statistics import median
from time import perf_counter

from levtao.backtest import Backtest, Settings
from producers.prices import PriceFile
from tests.market import write_bars


def run(rounds: int = 5) -> None:
    """Print the rate."""
    with tempfile.TemporaryDirectory(prefix="levtao-bench-") as folder:
        path = write_bars(Path(folder) / "bars.csv", 1, 149, crash_day=1)
        rates = []
        for _ in range(rounds):
            backtest = Backtest(Settings(multipliers=(Decimal(3),)))
            started = perf_counter()
            backtest.run(PriceFile(path).ticks())
            rates.append(backtest.ticks / (perf_counter() - started))
    print(f"## Back-test, one token, 149 days of 5-minute bars ({backtest.ticks:,} ticks)\n")
    print(f"median {median(rates):,.0f} ticks/s, worst {min(rates):,.0f}, best {max(rates):,.0f}\n")
