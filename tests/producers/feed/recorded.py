"""A made-up recording around a midnight, by a collector whose clock is off; and what should come of it."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from engine.domain.instants import MILLISECOND, SECOND
from tests.desk import MIDNIGHT

OFF = 3 * SECOND
"""The collector's clock is so far ahead."""

Said = tuple[str, int, Decimal, Decimal]
"""Venue, instant, bid, ask."""


@dataclass
class Recording:
    """Three venues of TAO: Binance's spot without times, its perpetual and OKX's spot with."""

    folder: Path
    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, venue: str, local_ns: int, message: Any) -> None:
        self.lines.setdefault(venue, []).append((local_ns, json.dumps(message)))

    def path(self, venue: str) -> Path:
        return self.folder / f"{venue}.txt"

    def write(self) -> None:
        for venue, lines in self.lines.items():
            self.path(venue).write_text("".join(f"{local_ns} {text}\n" for local_ns, text in lines))

    def expected(self) -> list[Said]:
        """Every sound quote in the order in which the collector got it, read from the lines and nothing else."""
        merged = sorted(
            ((local_ns, number, venue, json.loads(text)))
            for number, (venue, lines) in enumerate(self.lines.items())
            for local_ns, text in lines
        )  # fmt: skip
        offset = max(_time(said) - local_ns // 1_000 for local_ns, _, _, said in merged if _time(said))
        found: list[Said] = []
        last: dict[str, Said] = {}
        for local_ns, _, venue, said in merged:
            bid, ask = _prices(said)
            time = _time(said) or local_ns // 1_000 + offset
            if not (Decimal(bid).is_finite() and Decimal(bid) > 0 and Decimal(ask) > 0):
                continue
            quote = venue, time, Decimal(bid), Decimal(ask)
            if venue not in last or (time >= last[venue][1] and quote != last[venue]):
                found.append(quote)
                last[venue] = quote
        return found


def _time(said: Any) -> int:
    return int(said.get("E") or said.get("data", [{}])[0].get("ts", 0)) * MILLISECOND


def _prices(said: Any) -> tuple[str, str]:
    if "arg" in said:
        return said["data"][0]["bids"][0][0], said["data"][0]["asks"][0][0]
    return said["b"], said["a"]


def record(folder: Path, *, seconds: int = 40, step_ms: int = 20, seed: int = 1) -> Recording:
    """From half of `seconds` before MIDNIGHT to half after it, with everything odd that venues send."""
    random = Random(seed)
    made = Recording(folder)
    price = 400.0
    number = 0
    came_ns: dict[str, int] = {}
    for at in range(MIDNIGHT - seconds * SECOND // 2, MIDNIGHT + seconds * SECOND // 2, step_ms * MILLISECOND):
        price *= 1 + random.gauss(0, 0.0003)
        for venue in ("binance-spot", "binance-swap", "okx-spot"):
            number += 1
            bid = round(price * (1 + random.gauss(0, 0.0002)), 1)
            ask = bid + (0.1 if random.random() > 0.01 else -0.5)
            sent = at + random.randrange(step_ms) * MILLISECOND - (30 * SECOND if random.random() < 0.005 else 0)
            written = "NaN" if random.random() < 0.005 else "-1" if random.random() < 0.005 else f"{bid:.2f}"
            message = _message(venue, number, written, f"{ask:.1f}", sent // MILLISECOND)
            due_ns = (at + OFF + random.randrange(25_000, 80_000)) * 1_000
            came_ns[venue] = max(came_ns.get(venue, 0) + 1_000, due_ns)
            made.add(venue, came_ns[venue], message)
            if random.random() < 0.01 and venue != "binance-spot":
                made.add(venue, came_ns[venue], message)
    made.write()
    return made


def _message(venue: str, number: int, bid: str, ask: str, time_ms: int) -> dict[str, Any]:
    ticker = {"u": number, "s": "TAOUSDT", "b": bid, "B": "1.5", "a": ask, "A": "2.5"}
    if venue == "binance-spot":
        return ticker
    if venue == "binance-swap":
        return {"e": "bookTicker", "E": time_ms, "T": time_ms - 1} | ticker
    return {
        "arg": {"channel": "bbo-tbt", "instId": "TAO-USDT"},
        "data": [{"asks": [[ask, "2.5", "0", "1"]], "bids": [[bid, "1.5", "0", "1"]], "ts": str(time_ms),
                  "seqId": number}],
    }  # fmt: skip


def index(quotes: list[Said], now: int, min_venues: int = 2) -> Decimal | None:
    """The index price by section 7 of the specification, from all quotes so far."""
    last = {venue: (time, bid, ask) for venue, time, bid, ask in quotes}
    mids = [
        (bid + ask) / 2
        for time, bid, ask in last.values()
        if now - time <= 10 * SECOND and bid <= ask and (ask - bid) / ((bid + ask) / 2) < Decimal("0.02")
    ]
    counted = [mid for mid in mids if abs(mid - median(mids)) <= median(mids) * Decimal("0.05")]
    if len(counted) < min_venues or (len(counted) == 2 and max(counted) - min(counted) > min(counted) / 100):
        return None
    return median(counted)
