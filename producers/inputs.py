"""Inputs on their way into the log: on the partition of their underlying, keyed by it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.domain.inputs import Input
from engine.log.port import Entry, Writer
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS


@dataclass(frozen=True, slots=True)
class InputWriter:
    """Writes inputs where the settings' table says. `partition_of` raises for an unknown underlying."""

    writer: Writer
    partition_of: Callable[[str], int]

    async def write(self, inputs: Iterable[Input]) -> None:
        """Append inputs, those of one underlying in their order. Raises LogError."""
        batches: dict[int, list[Entry]] = defaultdict(list)
        for given in inputs:
            entry = Entry(given.underlying.encode(), encode_input(given), (("content-type", b"application/json"),))
            batches[self.partition_of(given.underlying)].append(entry)
        for partition, entries in batches.items():
            await self.writer.append(INPUTS.name, partition, entries)
