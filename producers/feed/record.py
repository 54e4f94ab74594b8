"""Recordings: what arrived, as ccxt received it, one `<local ns> <json>` line a message, one file a venue and day."""

import asyncio
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from engine.metrics import FEED_UNRECORDED

FLUSH_S = 0.5
BUFFERED = 200_000
"""So many lines wait for the disk at most; what comes then is not recorded."""

NANOSECONDS = 1_000_000_000

_Lines = dict[tuple[str, str], list[str]]
"""Of each venue and day."""

_log = structlog.get_logger("levtao")


@dataclass(slots=True)
class Recorder:
    """Writes to files in `folder`, in a thread of its own, until cancelled."""

    folder: Path
    _lines: _Lines = field(default_factory=lambda: defaultdict(list))
    _waiting: int = 0
    _failing: bool = False

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
        """Write again and again, and what is left at the end."""
        try:
            with ThreadPoolExecutor(1) as disk:
                while True:
                    await asyncio.sleep(FLUSH_S)
                    await asyncio.shield(asyncio.wrap_future(disk.submit(self._append, self._taken())))
        finally:
            self.flush()

    def flush(self) -> None:
        """Write what waits, here and now."""
        self._append(self._taken())

    def _taken(self) -> _Lines:
        """What waits, off the hands of the loop: a thread that wrote while `note` adds would lose lines."""
        lines, self._lines = self._lines, defaultdict(list)
        self._waiting = 0
        return lines

    def _append(self, lines: _Lines) -> None:
        """Append to the files. What cannot be written is counted and gone: prices go on."""
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
