"""The job itself, the same in every peer, and the clock that starts with the first message and stops with the last."""

import json
import os
import sys
import time
from typing import Any

BROKER, TOPIC, OUT, COUNT = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
MOVED = 0.001


def mid(value: bytes | str | dict[str, Any]) -> float:
    """The middle of a quote."""
    quote = value if isinstance(value, dict) else json.loads(value)
    return (float(quote["bid"]) + float(quote["ask"])) / 2


def moved(last: float | None, price: float) -> bool:
    """Whether the price is that far from the one last said."""
    return last is None or abs(price / last - 1) >= MOVED


class Stopwatch:
    """Counts messages; at the last one it prints the seconds since the first and ends the process."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.seen = 0
        self.started = 0.0

    def note(self) -> bool:
        """One more; whether it was the last."""
        if not self.seen:
            self.started = time.perf_counter()
        self.seen += 1
        return self.seen >= COUNT

    def stop(self) -> None:
        """Print the result and end at once: some frameworks take long to leave."""
        result = json.dumps({"seconds": time.perf_counter() - self.started, "messages": self.seen})
        os.write(1, f"{result}\n".encode())  # one of them takes stdout for its log
        os._exit(0)
