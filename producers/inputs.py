"""Inputs on their way into the log: on the partition of their underlying, keyed by it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.domain.inputs import Input, Position
from engine.log.port import Entry, Headers, LogError, Writer
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS

_JSON = ("content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class InputWriter:
    """Writes inputs where the settings' table says. `partition_of` raises for an unknown underlying."""

    writer: Writer
    partition_of: Callable[[str], int]

    async def write(self, inputs: Iterable[Input]) -> None:
        """Append inputs, those of one underlying in their order. Raises LogError."""
        batches: dict[int, list[Entry]] = defaultdict(list)
        for given in inputs:
            entry = Entry(given.underlying.encode(), encode_input(given), (_JSON,))
            batches[self.partition_of(given.underlying)].append(entry)
        for partition, entries in batches.items():
            await self.writer.append(INPUTS.name, partition, entries)

    async def write_one(self, given: Input, headers: Headers = ()) -> Position:
        """Append one input, with `headers` beside its own; where it is. Raises LogError: it may be there or not."""
        partition = self.partition_of(given.underlying)
        entry = Entry(given.underlying.encode(), encode_input(given), (_JSON, *headers))
        offset = await self.writer.append(INPUTS.name, partition, [entry])
        if offset is None:
            raise LogError(f"writing {INPUTS.name}/{partition}: the broker does not say at which offset")
        return Position(partition, offset)
