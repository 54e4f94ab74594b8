"""Where the time goes: the fold in memory, stage by stage, on the workload of the throughput figure."""

from collections.abc import Callable
from time import perf_counter

from benchmarks.workload import UNDERLYING, commands, quotes
from engine.domain.book import Book
from engine.domain.commands import SetUnderlyingTerms
from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.machine import absorb, step
from engine.domain.numbers import exact
from engine.runtime.partition import InputRecord, Partition
from engine.wire.codec import decode_input, encode_input, encode_outputs


def _timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def run(count: int = 300_000, tokens: int = 100) -> None:
    """Print microseconds a quote of each stage."""
    inputs = [*commands(tokens), *quotes(count)]
    values = [encode_input(each) for each in inputs]
    key = UNDERLYING.encode()
    records = [InputRecord(offset, 2**41, key, value) for offset, value in enumerate(values)]
    said: list[tuple[list[Output], Position]] = []

    def core() -> None:
        opening = inputs[0]
        assert isinstance(opening, SetUnderlyingTerms)
        with exact():
            book = Book.opened_by(opening)
            for offset, each in enumerate(inputs):
                if absorb(book, each, offset, None):
                    continue
                position = Position(0, offset)
                outputs = step(book, each, position)
                if outputs:
                    said.append((outputs, position))

    partition = Partition(0)
    stages = {
        "decode": _timed(lambda: [decode_input(key, value) for value in values]),
        "core": _timed(core),
        "encode": _timed(lambda: [encode_outputs(*each) for each in said]),
    }
    whole = _timed(lambda: partition.apply(records))
    changes = _timed(partition.changes)
    outputs = sum(len(each) for each, _ in said)
    print(f"## Where the time goes: {count:,} quotes, {tokens} tokens, {outputs:,} outputs, no I/O\n")
    print("| stage | us a quote | us an output |\n| --- | --- | --- |")
    for name, took in stages.items():
        print(f"| {name} | {took / count * 1e6:.2f} | {took / outputs * 1e6:.1f} |")
    print(f"| whole fold (decode, core, encode, records) | {whole / count * 1e6:.2f} | |")
    print(f"| the changed records of state, once | {changes * 1000:.1f} ms in all | |\n")
