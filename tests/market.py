"""Made-up bars in the shape of a listing's first months: calm, moody, one crash day, a wild first bar."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

BAR_MS = 300_000
BARS_A_DAY = 288
START_MS = 1_712_836_800_000
"""2024-04-11T12:00:00Z, hours into a day as a listing is."""


def bars(seed: int, days: float, crash_day: int | None = None) -> Iterator[tuple[int, str, str, str, str, str]]:
    """open_time, open, high, low, close, volume. The first bar leaps up and comes back, as listings do."""
    random = Random(seed)
    price = 400.0
    for number in range(int(days * BARS_A_DAY)):
        day = number // BARS_A_DAY
        volatility = 0.02 if day == crash_day else random.choice([0.0008, 0.0015, 0.003])
        path = [price]
        for _ in range(6):
            path.append(path[-1] * (1 + random.gauss(-0.0012 if day == crash_day else 0, volatility / 2)))
        high = max(path) * (2.6 if number == 0 else 1)
        price = path[-1]
        yield (
            START_MS + number * BAR_MS,
            f"{path[0]:.2f}", f"{high:.2f}", f"{min(path):.2f}", f"{price:.2f}", f"{random.random() * 900:.4f}",
        )  # fmt: skip


def write_bars(path: Path, seed: int, days: float, crash_day: int | None = None) -> Path:
    """The bars as a file."""
    with path.open("w", encoding="utf-8") as file:
        file.write("open_time,open,high,low,close,volume\n")
        file.writelines(",".join(str(cell) for cell in bar) + "\n" for bar in bars(seed, days, crash_day))
    return path
