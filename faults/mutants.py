"""Defects to be caught: `python -m faults.mutants NAME run ...` is `levtao run ...` with one thing broken.

Each takes away one guard or makes one mistake that is easily made. A campaign that does not catch it proves nothing.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from engine.domain.inputs import Position
from engine.domain.state import Order, Record
from engine.log import kafka
from engine.log.kafka import KafkaLog, KafkaReader, KafkaTransactor
from engine.log.port import Entry, FencedError, Log, LogError, Transactor
from engine.log.single_shot import HANDLERS
from engine.runtime import lane, partition, recovery, view
from engine.runtime.lane import Batch, Lane
from engine.runtime.partition import Logged, OutputRecord, Partition
from engine.runtime.recovery import Recovered
from engine.runtime.view import View
from engine.runtime.viewer import Viewer
from engine.wire.states import decode_record
from engine.wire.topics import DEAD_LETTERS, INPUTS, STATES


def random_transactional_id() -> None:
    """Every opening of a lane has a transactional id of its own: nobody is fenced."""
    _put(lane, "lane_identity", lambda app, number: f"{app}.{number}.{uuid4().hex}")


def redis_before_commit() -> None:
    """Redis is written before the transaction is committed."""

    async def commit(self: Lane, batch: Batch, transactor: Transactor, viewer: Viewer | None) -> None:
        if viewer is not None:
            viewer.push(batch.changes, batch.navs, batch.checkpoint, viewer.position)
        await transactor.commit(self.number, batch.entries)
        self.next_offset = batch.checkpoint.next_offset

    _put(Lane, "_commit", commit)


def redis_unchecked() -> None:
    """Redis takes every write, whatever watermark it has."""
    for guard in (
        "if held ~= ARGV[2] then return {'refused', held or ''} end",
        "if at and at > tonumber(ARGV[3]) then return {'refused', held} end",
    ):
        _without_script(guard)


def redis_not_cleared() -> None:
    """A full write of Redis leaves there what else was there."""
    _without_script("for _, name in ipairs(redis.call('SMEMBERS', names)) do redis.call('DEL', prefix .. name) end")
    _without_script("redis.call('DEL', names)")


def state_from_redis() -> None:
    """A lane starts from what Redis has, and does not look what was committed since."""
    sound = recovery.recover

    async def recover(log: Log, held: View | None, number: int) -> Recovered:
        recovered = await sound(log, held, number)
        snapshot = None if held is None else await held.read()
        if snapshot is None:
            return recovered
        checkpoint = replace(recovered.partition.checkpoint, next_offset=snapshot.next_offset, digest=snapshot.digest)
        restored = Partition(number, checkpoint)
        restored.restore(snapshot.records)
        return Recovered(restored, dict(snapshot.records), recovered.position, in_view=True)

    _put(lane, "recover", recover)


def inputs_from_the_end() -> None:
    """A lane that is opened again reads what is new, not what is due. The check of the offset is there."""
    sound = KafkaLog.reader

    @asynccontextmanager
    async def reader(self: KafkaLog, topic: str, number: int, offset: int | None) -> AsyncIterator[KafkaReader]:
        async with sound(self, topic, number, offset) as opened:
            if topic == INPUTS.name and offset:
                opened.seek(await opened.end())
            yield opened

    _put(KafkaLog, "reader", reader)


def no_offset_check() -> None:
    """As `inputs_from_the_end`, and nobody checks that an input is the one that is due."""
    inputs_from_the_end()
    sound = Partition.apply

    def apply(self: Partition, records: Iterable[Logged], enough: int | None = None) -> list[OutputRecord]:
        outputs: list[OutputRecord] = []
        for record in records:
            if self.flooded or (enough is not None and len(outputs) >= enough):
                break
            self._next = record.offset
            outputs += sound(self, [record])
        return outputs

    _put(Partition, "apply", apply)


def ids_from_memory() -> None:
    """Ids count the inputs this process has taken, instead of naming their place in the log."""
    taken: dict[int, int] = defaultdict(int)

    def position(number: int, _: int, appended: int | None) -> Position:
        taken[number] += 1
        return Position(number, taken[number] - 1, appended)

    _put(partition, "Position", position)


def dead_letters_counted_in_memory() -> None:
    """The sequence of dead letters begins anew with every lane."""
    sound = Partition.__init__

    def begin(self: Partition, *arguments: Any, **named: Any) -> None:
        sound(self, *arguments, **named)
        self._dead_count = 0

    _put(Partition, "__init__", begin)


def fills_forgotten() -> None:
    """A restart forgets which fills of an order were booked: a duplicate is booked twice."""

    def decode(name: str, value: bytes) -> Record:
        record = decode_record(name, value)
        if isinstance(record, Order):
            record.fill_ids.clear()
        return record

    _put(partition, "decode_record", decode)


def poison_swallowed() -> None:
    """What cannot be decoded is left out without a dead letter."""
    sound = Partition.apply

    def apply(self: Partition, records: Iterable[Logged], enough: int | None = None) -> list[OutputRecord]:
        return [output for output in sound(self, records, enough) if output.topic != DEAD_LETTERS.name]

    _put(Partition, "apply", apply)


def wall_clock() -> None:
    """The engine takes its own clock for the time an input was appended."""

    def position(number: int, offset: int, _: int | None) -> Position:
        return Position(number, offset, time.time_ns() // 1_000_000 * 1_000)

    _put(partition, "Position", position)


def outputs_committed_apart() -> None:
    """Outputs are one transaction, state and checkpoint the next."""
    sound = KafkaTransactor.commit

    async def commit(self: KafkaTransactor, number: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        outputs = {topic: entries for topic, entries in batches.items() if topic != STATES.name and entries}
        if outputs:
            await sound(self, number, outputs)
        return await sound(self, number, {STATES.name: batches[STATES.name]})

    _put(KafkaTransactor, "commit", commit)


def commit_repeated() -> None:
    """A commit of which nobody knows whether it arrived is done again, with a new producer of the same id."""
    sound, opening = KafkaTransactor.commit, KafkaLog.transactor

    async def commit(self: KafkaTransactor, number: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        try:
            return await sound(self, number, batches)
        except FencedError:
            raise
        except LogError:
            await kafka._close(self._producer)
            self._producer = KafkaLog(os.environ["LEVTAO_KAFKA"])._producer(f"levtao.{number}")
            await self._producer.start()
            return await sound(self, number, batches)

    @asynccontextmanager
    async def transactor(self: KafkaLog, identity: str) -> AsyncIterator[KafkaTransactor]:
        async with opening(self, identity) as opened:
            try:
                yield opened
            finally:
                await kafka._close(opened._producer)

    _put(KafkaTransactor, "commit", commit)
    _put(KafkaLog, "transactor", transactor)


def calls_repeated() -> None:
    """Transaction calls without an answer are sent again, as aiokafka does by itself."""
    for handler in HANDLERS:
        del handler.do


def read_uncommitted() -> None:
    """Readers of the service see records of transactions that are open or were aborted."""
    sound = KafkaLog._consumer

    def consumer(self: KafkaLog, group: str | None) -> AIOKafkaConsumer:
        made = sound(self, group)
        made._isolation_level = "read_uncommitted"
        return made

    _put(KafkaLog, "_consumer", consumer)


def state_read_before_the_fence() -> None:
    """A lane reads its state first, and only then shuts out whoever had it."""
    sound, transactor = recovery.recover, KafkaLog.transactor
    found: dict[int, Recovered] = {}

    @asynccontextmanager
    async def late(self: KafkaLog, identity: str) -> AsyncIterator[KafkaTransactor]:
        number = int(identity.rpartition(".")[2])
        found[number] = await sound(self, None, number)
        async with transactor(self, identity) as opened:
            yield opened

    async def recover(_log: Log, _held: View | None, number: int) -> Recovered:
        return found.pop(number)

    _put(KafkaLog, "transactor", late)
    _put(lane, "recover", recover)


def _without_script(text: str) -> None:
    """Take a piece out of the script that writes Redis."""
    if text not in view._SCRIPT:
        sys.exit(f"the script that writes Redis has no {text}")
    _put(view, "_SCRIPT", view._SCRIPT.replace(text, ""))


def _put(owner: Any, name: str, defect: Any) -> None:
    """Put a defect where something sound is."""
    if not hasattr(owner, name):
        sys.exit(f"{owner} has no {name} to be replaced")
    setattr(owner, name, defect)


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        random_transactional_id, redis_before_commit, redis_unchecked, redis_not_cleared, state_from_redis,
        inputs_from_the_end, no_offset_check, ids_from_memory, dead_letters_counted_in_memory, fills_forgotten,
        poison_swallowed, wall_clock, outputs_committed_apart, commit_repeated, calls_repeated, read_uncommitted,
        state_read_before_the_fence,
    )
}  # fmt: skip


if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    from levtao.cli import main

    main()
