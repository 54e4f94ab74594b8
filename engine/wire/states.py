"""Durable records as bytes: one for each thing the core keeps, and the checkpoint that sums them up."""

from dataclasses import dataclass, field
from hashlib import blake2b

from pydantic import TypeAdapter

from engine.domain.fields import Count
from engine.domain.state import Market, Order, Participant, Record, Request, Token, record_name

FORMAT = 2
"""Of the records; a view written in another is not read."""

CHECKPOINT_KEY = "checkpoint"

_ADAPTERS: dict[str, TypeAdapter[Record]] = {
    "market": TypeAdapter(Market),
    "token": TypeAdapter(Token),
    "order": TypeAdapter(Order),
    "request": TypeAdapter(Request),
    "participant": TypeAdapter(Participant),
}
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a lane stands: everything before `next_offset` is in the outputs and in the states."""

    next_offset: Count
    batch: Count
    digest: str
    dead_letters: Count = 0
    """How many there were, the sequence of their topic."""
    recent_dead_letters: tuple[Count, ...] = ()
    """Their last offsets, for the limit."""
    format: Count = FORMAT


_checkpoint: TypeAdapter[Checkpoint] = TypeAdapter(Checkpoint)


def encode_record(record: Record) -> bytes:
    """The canonical bytes of a record."""
    return _ADAPTERS[record_name(record).partition(":")[0]].dump_json(record)


def decode_record(name: str, value: bytes) -> Record:
    """A record read back. Raises ValueError (pydantic's) if the bytes are not one."""
    return _ADAPTERS[name.partition(":")[0]].validate_json(value)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The canonical bytes of a checkpoint."""
    return _checkpoint.dump_json(checkpoint)


def decode_checkpoint(value: bytes) -> Checkpoint:
    """A checkpoint read back."""
    return _checkpoint.validate_json(value)


@dataclass(slots=True)
class Digest:
    """A sum over all records that is cheap to keep: what a record adds is taken away when it changes."""

    total: int = 0
    _parts: dict[str, int] = field(default_factory=dict)

    def put(self, name: str, value: bytes | None) -> None:
        """Count a record's new bytes instead of its old ones; None for a record that is gone."""
        self.total -= self._parts.pop(name, 0)
        if value is not None:
            part = int.from_bytes(blake2b(name.encode() + b"\0" + value, digest_size=_DIGEST_BYTES).digest())
            self._parts[name] = part
            self.total += part

    @property
    def text(self) -> str:
        """The digest in hexadecimal."""
        return f"{self.total % (1 << 8 * _DIGEST_BYTES):0{2 * _DIGEST_BYTES}x}"
