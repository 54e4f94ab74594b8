"""Files of past prices as ticks: single prices, or bars cut into four ticks each."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple, TextIO, cast

from engine.domain.instants import MILLISECOND, Instant, parse_instant

FILE_VENUE = "file"
"""The venue whose quotes a file's ticks become."""

PRICE_COLUMNS = ("time", "price")
BAR_COLUMNS = ("open_time", "open", "high", "low", "close")
MAX_EPOCH_MS = 253_402_300_799_999
"""The end of the year 9999."""

UNREADABLE = (UnicodeDecodeError, csv.Error, EOFError, gzip.BadGzipFile, zlib.error)
"""What a file says that is no text, no CSV, or gzipped and broken."""

_LARGEST = Decimal("1E+15")
_SMALLEST = Decimal("1E-40")
_GZIP_MAGIC = b"\x1f\x8b"


class PriceFileError(ValueError):
    """The file is not what it should be: which line, and why."""


class Tick(NamedTuple):
    """A price at an instant."""

    time: Instant
    price: Decimal


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """The text of a file, plain or gzipped. Raises OSError; reading it may raise UNREADABLE."""
    with path.open("rb") as file:
        zipped = file.peek(2)[:2] == _GZIP_MAGIC
        plain = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if zipped else file
        with TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            yield text


@dataclass(slots=True)
class PriceFile:
    """A CSV file, plain or gzipped, with `time,price` or `open_time,open,high,low,close` among its columns.

    Times are RFC 3339 or epoch milliseconds. Rows from `start` (inclusive) to `end` (exclusive) are read; a row
    older than the last one is dropped and counted, and so is a tick of a bar that overlaps the last one.
    """

    path: Path
    start: Instant | None = None
    end: Instant | None = None
    rows: int = field(default=0, init=False)
    dropped: int = field(default=0, init=False)

    def ticks(self) -> Iterator[Tick]:
        """The ticks in order. Raises PriceFileError with the line, or OSError."""
        last = -1
        for tick in self._ticks():
            if tick.time >= last:
                last = tick.time
                yield tick

    def _ticks(self) -> Iterator[Tick]:
        with opened(self.path) as lines:
            reader = csv.reader(lines)
            header = [name.strip().lower() for name in self._first(reader)]
            if set(PRICE_COLUMNS) <= set(header):
                rows = self._rows(reader, [header.index(name) for name in PRICE_COLUMNS])
                yield from (Tick(time, prices[0]) for time, prices in rows)
            elif set(BAR_COLUMNS) <= set(header):
                yield from self._bar_ticks(reader, [header.index(name) for name in BAR_COLUMNS])
            else:
                raise PriceFileError(
                    f"{self.path}: line 1: needs the columns {','.join(PRICE_COLUMNS)} or {','.join(BAR_COLUMNS)}"
                )

    def _first(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            return next(reader, [])
        except UNREADABLE as error:
            raise PriceFileError(f"{self.path}: line 1: {error}") from None

    def _rows(self, reader: Iterator[list[str]], columns: list[int]) -> Iterator[tuple[Instant, list[Decimal]]]:
        """Every row that counts: its time and its prices."""
        last = -1
        number = 1
        try:
            for number, row in enumerate(reader, 2):  # noqa: B007 - the number is for the error below
                if not row:
                    continue
                time = _time(row[columns[0]])
                prices = [_price(row[column]) for column in columns[1:]]
                self.rows += 1
                if time < last:
                    self.dropped += 1
                    continue
                last = time
                if (self.start is None or time >= self.start) and (self.end is None or time < self.end):
                    yield time, prices
        except IndexError:
            raise PriceFileError(f"{self.path}: line {number}: too few columns") from None
        except (ValueError, *UNREADABLE) as error:
            raise PriceFileError(f"{self.path}: line {number}: {error}") from None

    def _bar_ticks(self, reader: Iterator[list[str]], columns: list[int]) -> Iterator[Tick]:
        bar = self._bar_length(columns[0])
        thirds = bar // 3, 2 * bar // 3, bar - MILLISECOND
        for time, (opened, high, low, closed) in self._rows(reader, columns):
            yield Tick(time, opened)
            rising = closed >= opened
            yield Tick(time + thirds[0], low if rising else high)
            yield Tick(time + thirds[1], high if rising else low)
            yield Tick(time + thirds[2], closed)

    def _bar_length(self, column: int) -> Instant:
        """The difference of the first two rows of the file, whatever is cut from it."""
        with opened(self.path) as lines:
            reader = csv.reader(lines)
            next(reader)
            try:
                first, second = (_time(next(reader)[column]) for _ in range(2))
            except (StopIteration, RuntimeError, IndexError, ValueError, *UNREADABLE):
                raise PriceFileError(f"{self.path}: bars need two rows to tell their length") from None
        if second - first < 3 * MILLISECOND:
            raise PriceFileError(f"{self.path}: line 3: the second bar does not come after the first")
        return second - first


def _time(text: str) -> Instant:
    text = text.strip()
    if text.isascii() and text.isdigit():
        epoch_ms = int(text)
        if epoch_ms > MAX_EPOCH_MS:
            raise ValueError(f"time {text} is no epoch in milliseconds")
        return epoch_ms * MILLISECOND
    return parse_instant(text)


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"price {text!r} is no number") from None
    if not price.is_finite() or not _SMALLEST <= price < _LARGEST:
        raise ValueError(f"price {text!r} is not between 0 and 10^15")
    return price
