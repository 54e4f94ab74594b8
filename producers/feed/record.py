"""Recordings: what arrived, as ccxt received it, one `<local ns> <json>` line a message, one file a venue and day."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from engine.metrics import FEED_UNRECORDED

FLUSH_S = 0.5
BUFFERED = 200_000
"""So many lines wait for the disk at most; what comes then is not recorded."""

NANOSECONDS = 1_000_000_000

_log = structlog.get_logger("levtao")


@dataclass(slots=True)
class Recorder:
    """Writes to files in `folder`, in a thread of its own, until cancelled."""

    folder: Path
    _lines: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    _waiting: int = 0
    _failing: bool = False
    _turn: Lock = field(default_factory=Lock)

    def note(self, venue: str, message: Any, received_ns: int) -> None:
        """Take a message as it came; texts such as `pong` are none."""
        if not isinstance(message, dict | list):
            return
        if self._waiting >= BUFFERED:
            FEED_UNRECORDED.labels(venue).inc()
            return
        day = datetime.fromtimestamp(received_ns // NANOSECONDS, UTC).date().isoformat()
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        self._lines[venue, day].append(f"{received_ns} {text}\n")
        self._waiting += 1

    async def run(self) -> None:
        """Flush again and again, and what is left at the end."""
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                await asyncio.to_thread(self.flush)
        finally:
            self.flush()

    def flush(self) -> None:
        """Append what waits. What cannot be written is counted and gone: prices go on."""
        with self._turn:
            lines, self._lines = self._lines, defaultdict(list)
            self._waiting = 0
            problem = None
            for (venue, day), waiting in lines.items():
                try:
                    with (self.folder / f"{venue}-{day}.txt").open("a", encoding="utf-8") as file:
                        file.writelines(waiting)
                except OSError as error:
                    problem = str(error)
                    FEED_UNRECORDED.labels(venue).inc(len(waiting))
        if (problem is not None) != self._failing:
            self._failing = problem is not None
            _log.warning("recording_failing" if self._failing else "recording_again", reason=problem)
