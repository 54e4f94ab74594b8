"""Files of raw messages, plain or gzipped, as the messages in them.

Two kinds: captures, one `<local ns> <json>` line a message; and collections without local time, one JSON message a
line, or one JSON array or object.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from engine.domain.instants import MILLISECOND, Instant
from producers.feed.quotes import whole
from producers.feed.settings import FeedError
from producers.prices import UNREADABLE, opened

NANOSECONDS_PER_US = 1_000
_CAPTURED = re.compile(r"([0-9]{19})\s+([\[{].*)")


class Message(NamedTuple):
    """A message of a file. `local` is when the collector got it, by the collector's clock."""

    local: Instant | None
    body: Any

    def event_time(self) -> Instant | None:
        """The exchange's time, of a message of any kind, where it has one."""
        time_ms = whole(self.body, "E", "ts")
        return None if time_ms is None else time_ms * MILLISECOND


def holds_messages(path: Path) -> bool:
    """Whether a file holds messages, by its first line. Raises OSError."""
    with opened(path) as lines:
        try:
            first = next((line for line in lines if line.strip()), "").strip()
        except UNREADABLE:
            return False
    return _CAPTURED.fullmatch(first) is not None or first.startswith(("{", "["))


def messages(path: Path, note: Callable[[], None]) -> Iterator[Message]:
    """The messages of a file in order. `note` hears of a line that is none, as where a collector died.

    A gzipped capture that is cut off is read as far as it goes, and noted likewise.

    Raises FeedError, OSError.
    """
    with opened(path) as lines:
        try:
            first = next((line for line in lines if line.strip()), "")
            if _CAPTURED.fullmatch(first.strip()) is None:
                yield from _collected(path, first + lines.read())
                return
            yield from _captured(first, note)
            try:
                for line in lines:
                    yield from _captured(line, note)
            except EOFError:
                note()
        except UNREADABLE as error:
            raise FeedError(f"{path}: {error}") from None


def _captured(line: str, note: Callable[[], None]) -> Iterator[Message]:
    found = _CAPTURED.fullmatch(line.strip())
    if found is not None:
        try:
            yield Message(int(found[1]) // NANOSECONDS_PER_US, _json(found[2]))
        except ValueError:
            note()
    elif line.strip():
        note()


def _collected(path: Path, text: str) -> list[Message]:
    try:
        whole = _json(text)
    except ValueError:
        try:
            whole = [_json(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise FeedError(f"{path}: neither JSON nor a JSON message a line: {error}") from None
    return [Message(None, body) for body in (whole if isinstance(whole, list) else [whole])]


def _json(text: str) -> Any:
    """As ccxt reads it: NaN is no JSON."""
    return json.loads(text, parse_constant=_refused)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
