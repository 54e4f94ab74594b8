"""One input partition as a fold: bytes in, bytes out, and the records of state that changed. No I/O."""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from engine.domain.book import Book
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.inputs import Input, Position
from engine.domain.instants import MILLISECOND
from engine.domain.machine import absorb, step
from engine.domain.numbers import exact
from engine.domain.outputs import NavPublished
from engine.domain.state import Market, Record, record_name
from engine.wire.codec import DecodeError, cause_of, cloud_headers, decode_input, encode_outputs
from engine.wire.states import (
    Checkpoint,
    Digest,
    decode_record,
    encode_record,
)
from engine.wire.topics import DEAD_LETTERS, INPUTS, OUTPUTS

DEAD_LETTER_KEPT_BYTES = 4096
DEAD_LETTER_LIMIT = 100, 10_000
"""So many of so many inputs may be dead letters."""
NO_FLOOD = 1 << 62, 1
"""Any number of them."""


class HoleError(ValueError):
    """An input is missing in the log: somebody other than a plain producer wrote to it."""


class Logged(Protocol):
    """A record of the input log. The timestamp is when it was appended; None where there is no log, in a scenario."""

    @property
    def offset(self) -> int:
        """Its place."""

    @property
    def timestamp_ms(self) -> int | None:
        """When it was appended."""

    @property
    def key(self) -> bytes | None:
        """The underlying."""

    @property
    def value(self) -> bytes | None:
        """The input."""


class InputRecord(NamedTuple):
    """A record of inputs that are not read from a log."""

    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None


class OutputRecord(NamedTuple):
    """A record for an output topic."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    timestamp_ms: int | None


class Partition:
    """Everything that follows from the inputs of one partition so far."""

    def __init__(
        self,
        number: int,
        checkpoint: Checkpoint | None = None,
        dead_letter_limit: tuple[int, int] = DEAD_LETTER_LIMIT,
    ) -> None:
        """Start empty, or at a checkpoint whose records are then put back with `restore`.

        `dead_letter_limit` is how many of how many inputs may be dead letters.
        """
        self.number = number
        self.dead_letter_limit = dead_letter_limit
        self.flooded = False
        self.books: dict[str, Book] = {}
        self.checkpoint = checkpoint or Checkpoint(next_offset=0, batch=0, digest=Digest().text)
        self.navs: dict[str, bytes] = {}
        """The last published record of each token since the last `changes`, for the view."""
        self._digest = Digest()
        self._dead = list(self.checkpoint.recent_dead_letters)
        self._dead_count = self.checkpoint.dead_letters
        self._next = self.checkpoint.next_offset
        self._active: set[str] = set()

    def restore(self, records: Mapping[str, bytes]) -> None:
        """Put the records of state back. Raises ValueError if they are not what the checkpoint sums up."""
        decoded: list[Record] = []
        for name, value in records.items():
            self._digest.put(name, value)
            decoded.append(decode_record(name, value))
        if self._digest.text != self.checkpoint.digest:
            raise ValueError(f"records digest to {self._digest.text}, the checkpoint says {self.checkpoint.digest}")
        markets = [record for record in decoded if isinstance(record, Market)]
        with exact():
            for market in markets:
                name = market.underlying
                self.books[name] = Book(market, [record for record in decoded if record.underlying == name])

    @property
    def next_offset(self) -> int:
        """The offset of the next input."""
        return self._next

    def apply(self, records: Iterable[Logged], enough: int | None = None) -> list[OutputRecord]:
        """Take inputs in order and return what came of them. Offsets have no holes: HoleError if they do.

        Stops before a dead letter that would be one too many; `flooded` says so. Stops as well after the input that
        brings `enough` outputs; `next_offset` says where.
        """
        outputs: list[OutputRecord] = []
        with exact():
            for record in records:
                if enough is not None and len(outputs) >= enough:
                    return outputs
                offset, timestamp_ms = record.offset, record.timestamp_ms
                if offset != self._next:
                    raise HoleError(f"{INPUTS.name}/{self.number}: input {offset} came where {self._next} was due")
                appended = None if timestamp_ms is None else timestamp_ms * MILLISECOND
                try:
                    given = decode_input(record.key, record.value)
                    book = self._book(given)
                except DecodeError as error:
                    if self._is_flood(offset):
                        self.flooded = True
                        return outputs
                    self._next += 1
                    outputs.append(self._bury(record, Position(self.number, offset, appended), error))
                    continue
                self._next += 1
                self._active.add(given.underlying)
                if absorb(book, given, offset, appended):
                    continue
                position = Position(self.number, offset, appended)
                said = step(book, given, position)
                if not said:
                    continue
                for output, encoded in zip(said, encode_outputs(said, position), strict=True):
                    if isinstance(output.body, NavPublished):
                        self.navs[output.key] = encoded.value
                    topic = OUTPUTS[output.body.stream].name
                    outputs.append(OutputRecord(topic, *encoded, timestamp_ms))
        return outputs

    def changes(self) -> dict[str, bytes | None]:
        """The records that changed since the last call, None for those gone; the checkpoint moves up to here."""
        changed: dict[str, bytes | None] = {}
        for name in sorted(self._active):
            book = self.books[name]
            with exact():
                book.catch_up()
            changed[record_name(book.market)] = encode_record(book.market)
            for entry in sorted(book.changed):
                record = book.record(entry)
                changed[entry] = None if record is None else encode_record(record)
            book.changed.clear()
        self._active.clear()
        for entry, value in changed.items():
            self._digest.put(entry, value)
        self.checkpoint = Checkpoint(
            next_offset=self._next,
            batch=self.checkpoint.batch + 1,
            digest=self._digest.text,
            dead_letters=self._dead_count,
            recent_dead_letters=tuple(self._dead),
        )
        return changed

    def records(self) -> dict[str, bytes]:
        """Every record of state as it is now."""
        kept: dict[str, bytes] = {}
        for book in self.books.values():
            with exact():
                book.catch_up()
            kept.update((record_name(record), encode_record(record)) for record in book.records())
        return kept

    def _is_flood(self, offset: int) -> bool:
        """Whether one more dead letter at `offset` would be too many of the last inputs."""
        limit, window = self.dead_letter_limit
        self._dead = [dead for dead in self._dead if dead > offset - window]
        return len(self._dead) >= limit

    def _book(self, given: Input) -> Book:
        book = self.books.get(given.underlying)
        if isinstance(given, SetUnderlyingTerms):
            if given.partition != self.number:
                raise DecodeError("wrong_partition", f"{given.underlying} belongs on partition {given.partition}")
            if book is None:
                book = self.books[given.underlying] = Book.opened_by(given)
        if book is None:
            raise DecodeError("unknown_underlying", f"{given.underlying} has no book on partition {self.number}")
        if isinstance(given, SetTokenTerms):
            for other in self.books.values():
                if other is not book and given.token in other.tokens:
                    owner = other.market.underlying
                    raise DecodeError("token_of_another_underlying", f"{given.token} is listed on {owner}")
        return book

    def _bury(self, record: Logged, position: Position, error: DecodeError) -> OutputRecord:
        self._dead_count += 1
        self._dead = [*self._dead, position.offset][-self.dead_letter_limit[0] :]
        value = record.value or b""
        letter: dict[str, Any] = {
            "type": "dead_letter",
            "id": f"{position.partition}-{position.offset}-0",
            "sequence": self._dead_count,
            "cause": cause_of(position),
            "reason": error.reason,
            "detail": error.detail,
            "size_bytes": len(value),
            "key_base64": b64encode((record.key or b"")[:DEAD_LETTER_KEPT_BYTES]).decode(),
            "value_base64": b64encode(value[:DEAD_LETTER_KEPT_BYTES]).decode(),
        }
        headers = cloud_headers(letter["id"], "dead_letter", letter["cause"], str(self.number))
        key = str(self.number).encode()
        return OutputRecord(DEAD_LETTERS.name, key, json.dumps(letter).encode(), headers, record.timestamp_ms)
