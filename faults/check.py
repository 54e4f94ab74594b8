"""The proof: what is on the topics and in Redis is what an undisturbed fold of the same inputs says, to the byte.

Read by another client than ours, committed records only. Of each partition, from its first checkpoint to its last:
every output with key, headers and stamp; every changed record of state and the checkpoint itself; every moment of Redis
that was seen; and whatever the committed reader saw while it happened.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from engine.runtime.partition import OutputRecord, Partition
from engine.wire.states import CHECKPOINT_KEY, decode_checkpoint, encode_checkpoint
from engine.wire.topics import DEAD_LETTERS, EVENTS, INPUTS, NAVS, ORDERS, STATES
from faults.watch import Seen, reader, short

OUTPUT_TOPICS = (ORDERS, EVENTS, NAVS, DEAD_LETTERS)
READ_DEADLINE_S = 60.0
SHOWN_CHARACTERS = 160


class WrongError(Exception):
    """The first thing found that an undisturbed run would not have done."""


class Found(NamedTuple):
    """A record as the other client read it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(slots=True)
class Checked:
    """How much was held against the fold."""

    inputs: int = 0
    outputs: int = 0
    checkpoints: int = 0
    looks: int = 0
    """Moments of Redis."""


def read_all(bootstrap: str, topic: str, number: int) -> list[Found]:
    """Every committed record of a partition."""
    consumer = reader(bootstrap, **{"enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0)])
    found: list[Found] = []
    until = monotonic() + READ_DEADLINE_S
    try:
        while True:
            for message in consumer.consume(5_000, 0.1):
                if message.error() is None:
                    headers: Any = message.headers() or []
                    at = message.offset() or 0
                    found.append(Found(at, message.timestamp()[1], message.key(), message.value(), list(headers)))
                    until = monotonic() + READ_DEADLINE_S
                elif _at_end(consumer, topic, number, found):
                    return found
            if monotonic() > until:
                raise WrongError(f"{topic}/{number} cannot be read to its end: a transaction is still open")
    finally:
        consumer.close()


def _at_end(consumer: Consumer, topic: str, number: int, found: Sequence[Found]) -> bool:
    """Whether the end of the committed records is the end of all of them."""
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
    [at] = consumer.position([TopicPartition(topic, number)])
    return end == 0 or at.offset >= end or (not found and at.offset < 0)


@dataclass(slots=True)
class PartitionCheck:
    """One partition against its fold."""

    bootstrap: str
    number: int
    dead_letters: tuple[int, int]
    seen: Mapping[tuple[str, int], Sequence[tuple[int, bytes]]]
    looks: Sequence[Seen]
    done: Checked = field(default_factory=Checked)

    def run(self) -> Checked:
        """Compare everything. Raises WrongError."""
        inputs = read_all(self.bootstrap, INPUTS.name, self.number)
        there = {topic.name: read_all(self.bootstrap, topic.name, self.number) for topic in OUTPUT_TOPICS}
        states = read_all(self.bootstrap, STATES.name, self.number)
        self._compare_seen({**there, STATES.name: states})
        rest = {name: iter(records) for name, records in there.items()}
        partition = Partition(self.number, dead_letter_limit=self.dead_letters)
        navs: dict[str, bytes] = {}
        looks: dict[int, list[Seen]] = defaultdict(list)
        for look in self.looks:
            looks[look.next_offset].append(look)
        for batch in _batches(states):
            upto = decode_checkpoint(batch[-1].value or b"").next_offset
            if batch[-1].offset == 0:
                self._same_states(batch, {}, partition)
                continue
            if upto < partition.next_offset:
                raise WrongError(f"{self._at(STATES.name)}: the checkpoint goes back to input {upto}")
            for implied in partition.apply(inputs[partition.next_offset : upto]):
                self._same_output(implied, next(rest[implied.topic], None))
            navs |= partition.navs
            partition.navs.clear()
            self._same_states(batch, partition.changes(), partition)
            for look in looks.pop(upto, ()):
                self._same_look(look, partition, navs)
        self._nothing_left(rest, looks, partition, inputs)
        self.done.inputs = partition.next_offset
        return self.done

    def _at(self, topic: str) -> str:
        return f"{topic}/{self.number}"

    def _same_output(self, implied: OutputRecord, found: Found | None) -> None:
        if found is None:
            raise WrongError(f"{self._at(implied.topic)}: missing {_named(implied.value)}")
        is_ = (found.key, found.value, found.headers, found.timestamp_ms)
        if is_ != (implied.key, implied.value, implied.headers, implied.timestamp_ms):
            raise WrongError(
                f"{self._at(implied.topic)} offset {found.offset}: is {_named(found.value)}, "
                f"an undisturbed run says {_named(implied.value)}"
            )
        self.done.outputs += 1

    def _same_states(self, batch: Sequence[Found], changes: Mapping[str, bytes | None], partition: Partition) -> None:
        """A transaction's records of state and its checkpoint."""
        implied = [(name.encode(), value) for name, value in changes.items()]
        implied.append((CHECKPOINT_KEY.encode(), encode_checkpoint(partition.checkpoint)))
        for record, (key, value) in zip(batch, implied, strict=False):
            if (record.key, record.value) != (key, value):
                raise WrongError(
                    f"{self._at(STATES.name)} offset {record.offset}: is {_named(record.key)} {_named(record.value)}, "
                    f"an undisturbed run says {_named(key)} {_named(value)}"
                )
        if len(batch) != len(implied):
            raise WrongError(
                f"{self._at(STATES.name)} before offset {batch[-1].offset}: {len(batch)} records of state in a "
                f"transaction, an undisturbed run has {len(implied)}"
            )
        self.done.checkpoints += 1

    def _same_look(self, look: Seen, partition: Partition, navs: Mapping[str, bytes]) -> None:
        """A moment of Redis is the fold at its watermark, with what was published last or nothing beside a token."""
        at = f"Redis, partition {self.number}, at input {look.next_offset}"
        if not look.digest == look.claimed == partition.checkpoint.digest:
            raise WrongError(f"{at}: its records are not those of an undisturbed run")
        for name, shown in look.shown.items():
            nav = navs.get(name.partition(":")[2])
            if shown and (nav is None or shown != short(nav)):
                raise WrongError(f"{at}: {name} shows other numbers than last published")
        self.done.looks += 1

    def _compare_seen(self, there: Mapping[str, Sequence[Found]]) -> None:
        """Whatever was read meanwhile is what is there now, from the first record on and nothing left out."""
        for topic, records in there.items():
            for found, (offset, sum_) in zip(records, self.seen.get((topic, self.number), ()), strict=False):
                if (found.offset, short(found.key, found.value)) != (offset, sum_):
                    raise WrongError(f"{self._at(topic)} offset {offset}: a committed reader saw something else there")

    def _nothing_left(
        self,
        rest: Mapping[str, Iterator[Found]],
        looks: Mapping[int, Sequence[Seen]],
        partition: Partition,
        inputs: Sequence[Found],
    ) -> None:
        for topic, records in rest.items():
            more = next(records, None)
            if more is not None:
                raise WrongError(f"{self._at(topic)} offset {more.offset}: nobody implies {_named(more.value)}")
        if partition.next_offset != len(inputs):
            raise WrongError(f"{self._at(INPUTS.name)}: {len(inputs) - partition.next_offset} inputs were not taken")
        for watermark in looks:
            if watermark:
                raise WrongError(
                    f"Redis, partition {self.number}, was at input {watermark}: no transaction ended there"
                )


def _batches(states: Sequence[Found]) -> Iterator[list[Found]]:
    """The changelog, cut after each checkpoint."""
    batch: list[Found] = []
    for record in states:
        batch.append(record)
        if record.key == CHECKPOINT_KEY.encode():
            yield batch
            batch = []
    if batch:
        raise WrongError(f"{STATES.name}: {len(batch)} records of state after the last checkpoint")


def _named(value: bytes | None) -> str:
    return "nothing" if value is None else value[:SHOWN_CHARACTERS].decode(errors="replace")
