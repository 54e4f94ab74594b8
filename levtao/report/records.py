"""What the core said, as plain records: from a running core or from a file of its outputs, in one shape.

Amounts stay decimals or the text of one, instants microseconds or RFC 3339; `number` and `instant` read both. What a
page draws and the statistics on it are floats: they are looked at, never booked.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.instants import Instant, parse_instant
from engine.domain.outputs import RULES_VERSION

_GZIP_MAGIC = b"\x1f\x8b"


class RecordError(ValueError):
    """A line is no output of the core: which one, and why."""


class Record(NamedTuple):
    """One output: its kind, the event time in microseconds, its place among all outputs, its fields."""

    type: str
    time: Instant
    place: tuple[int, ...]
    fields: Mapping[str, Any]


def of_outputs(outputs: list[Output], position: Position) -> Iterator[Record]:
    """The outputs of one input of a running core."""
    for number, (_, sequence, time, body) in enumerate(outputs):
        said = _plain(body)
        said["sequence"], said["rules"] = sequence, RULES_VERSION
        yield Record(body.type, time, (position.partition, position.offset, number), said)


def of_file(path: Path) -> Iterator[Record]:
    """The outputs in a file, one JSON object a line, plain or gzipped. Raises RecordError with the line, or OSError."""
    with path.open("rb") as opened:
        zipped = opened.peek(2)[:2] == _GZIP_MAGIC
        with gzip.open(opened) if zipped else opened as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield of_line(line)
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    raise RecordError(f"{path}: line {number}: no output of the core ({error!r:.120})") from None


def of_line(line: bytes) -> Record:
    """One output as it is on the wire. Raises ValueError, KeyError or TypeError for anything else."""
    said = json.loads(line)
    place = tuple(int(part) for part in str(said["id"]).split("-"))
    if not isinstance(said["type"], str):
        raise TypeError("its type is no text")
    return Record(said["type"], parse_instant(said["time"]), place, said)


def number(value: Any) -> float:
    """An amount as a float; what is null is not a number."""
    return nan if value is None else float(value)


def amount(value: Any) -> Decimal:
    """An amount, exactly."""
    return value if isinstance(value, Decimal) else Decimal(value)


def instant(value: Any) -> Instant:
    """A time in microseconds."""
    return value if isinstance(value, int) else parse_instant(value)


def _plain(value: Any) -> Any:
    """Dataclasses as dictionaries, tuples as lists, all the way down."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
