"""Files to quotes: which rows become which ticks, at what pace; and the clock."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from engine.domain.inputs import ClockTicked, QuoteObserved
from engine.domain.instants import SECOND, format_instant, parse_instant
from engine.log.memory import MemoryLog
from engine.wire.codec import decode_input
from engine.wire.topics import INPUTS
from producers.clock import run_clock
from producers.inputs import InputWriter
from producers.prices import PriceFile, Tick
from producers.replay import Replay
from tests.desk import d
from tests.eventually import eventually


def ticks(path: Path, text: str, **cut: int) -> list[tuple[int, str]]:
    path.write_text(text)
    return [(tick.time // 1_000, str(tick.price)) for tick in PriceFile(path, **cut).ticks()]


def test_a_rising_bar_is_open_low_high_close_and_a_falling_one_open_high_low_close(tmp_path: Path) -> None:
    text = "open_time,open,high,low,close,volume\n0,10,14,9,13,1\n300000,13,15,8,12,1\n600000,12,12,12,12,1\n"
    assert ticks(tmp_path / "b.csv", text)[:8] == [
        (0, "10"), (100_000, "9"), (200_000, "14"), (299_999, "13"),
        (300_000, "13"), (400_000, "15"), (500_000, "8"), (599_999, "12"),
    ]  # fmt: skip


def test_columns_are_found_by_name_and_times_may_be_written_out(tmp_path: Path) -> None:
    text = "\ufeffPrice, time \n5.0,2024-04-12T00:00:00Z\n6,2024-04-12T02:00:00.5+02:00\n"
    assert ticks(tmp_path / "p.csv", text) == [(1_712_880_000_000, "5.0"), (1_712_880_000_500, "6")]


def test_an_older_row_is_dropped_and_counted_and_an_equal_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,price\n5,1\n4,2\n5,3\n\n6,4\n")
    file = PriceFile(tmp_path / "p.csv")
    assert [str(tick.price) for tick in file.ticks()] == ["1", "3", "4"]
    assert (file.rows, file.dropped) == (4, 1)


def test_a_bar_that_repeats_gives_only_the_ticks_that_do_not_go_back(tmp_path: Path) -> None:
    text = "open_time,open,high,low,close\n0,1,1,1,1\n300,2,2,2,2\n300,3,3,3,3\n"
    assert ticks(tmp_path / "b.csv", text)[4:] == [(300, "2"), (400, "2"), (500, "2"), (599, "2"), (599, "3")]


def test_the_length_of_a_bar_is_that_of_the_file_whatever_is_cut_from_it(tmp_path: Path) -> None:
    text = "open_time,open,high,low,close\n0,1,1,1,1\n300,2,2,2,2\n900,3,3,3,3\n"
    assert [time for time, _ in ticks(tmp_path / "b.csv", text, start=900_000)] == [900, 1_000, 1_100, 1_199]


@pytest.mark.parametrize("text", ["2024-04-12T00:00:00Z", "2024-04-12T00:00:00.123Z", "2024-04-12T00:00:00.123456Z"])
def test_instants_come_back_as_they_went(text: str) -> None:
    assert format_instant(parse_instant(text)) == text


async def log_of_inputs() -> tuple[MemoryLog, InputWriter]:
    log = MemoryLog()
    await log.create({INPUTS.name: INPUTS.config()}, 2)
    async with log.writer() as writer:
        return log, InputWriter(writer, {"TAO": 1, "BTC": 0}.__getitem__)


async def inputs(log: MemoryLog, partition: int) -> list[object]:
    async with log.reader(INPUTS.name, partition, None) as reader:
        records = await reader.read(100_000, 0) if await reader.end() else []
        return [decode_input(record.key, record.value) for record in records]


async def test_ticks_become_quotes_on_the_partition_of_their_underlying() -> None:
    log, writer = await log_of_inputs()
    heard: list[int] = []
    sent = await Replay(underlying="TAO", venue="v").run(
        [Tick(n, d(n + 1)) for n in range(2_500)], writer, heard.append
    )
    assert sent == sum(heard) == 2_500
    found = await inputs(log, 1)
    assert found == [QuoteObserved("TAO", "v", n, d(n + 1), d(n + 1)) for n in range(2_500)]
    assert await inputs(log, 0) == []


async def test_with_a_pace_a_quote_does_not_go_out_before_its_time() -> None:
    log, writer = await log_of_inputs()
    course = [Tick(0, d(1)), Tick(SECOND, d(2)), Tick(3_600 * SECOND, d(3))]
    task = asyncio.create_task(Replay(underlying="TAO", speed=20.0).run(course, writer, lambda _: None))

    async def two_there() -> bool:
        return len(await inputs(log, 1)) == 2

    await eventually(two_there, "the first two quotes are there while the third waits its three minutes")
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_clock_ticks_for_every_underlying_at_whole_intervals() -> None:
    log, writer = await log_of_inputs()
    time = 1_000 * SECOND + 5

    def now() -> int:
        nonlocal time
        time += SECOND // 2
        return time

    task = asyncio.create_task(run_clock(["TAO", "BTC"], writer, now, interval_s=1))

    async def ticked() -> bool:
        return len(await inputs(log, 0)) >= 2 and len(await inputs(log, 1)) >= 2

    await eventually(ticked, "two ticks")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    times = [tick.time for tick in await inputs(log, 1) if isinstance(tick, ClockTicked)]
    assert all(at % SECOND == 0 for at in times)
    assert times == sorted(times)
