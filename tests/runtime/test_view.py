"""The view in Redis against a real server: a delta only onto its watermark, a full write never backwards."""

import pytest
from redis.asyncio import Redis

from engine.domain.outputs import NavPublished
from engine.runtime.partition import InputRecord, Partition
from engine.runtime.view import View, ViewError, connect, refuse_eviction
from engine.wire.codec import decode_output, encode_input
from engine.wire.states import Checkpoint, Digest
from tests.walk import Walk


@pytest.fixture
def view(redis: "Redis") -> View:
    return View(redis, 0, "test")


def at(next_offset: int, records: dict[str, bytes]) -> Checkpoint:
    digest = Digest()
    for name, value in records.items():
        digest.put(name, value)
    return Checkpoint(next_offset, 1, digest.text)


async def test_an_empty_view_is_none(view: View) -> None:
    assert await view.read() is None
    assert await view.read_all() is None


async def test_what_was_written_is_read_back_in_one_piece(view: View) -> None:
    records: dict[str, bytes] = {"token:A": b'{"a":1}', "market:TAO": b"{}"}
    assert await view.write(records, {}, at(7, records), 41, onto=None)
    snapshot = await view.read()
    assert snapshot is not None
    assert (snapshot.next_offset, snapshot.position, snapshot.records) == (7, 41, records)
    assert snapshot.digest == at(7, records).digest


async def test_a_delta_goes_onto_its_watermark_and_nowhere_else(view: View) -> None:
    assert not await view.write({"token:A": b"x"}, {}, at(5, {}), 1, onto=4)
    assert await view.read() is None
    assert await view.write({"token:A": b"1", "order:1": b"o"}, {}, at(5, {}), 1, onto=None)
    assert not await view.write({"token:A": b"9"}, {}, at(9, {}), 2, onto=8)
    assert await view.write({"token:A": b"2", "order:1": None}, {}, at(6, {}), 2, onto=5)
    snapshot = await view.read()
    assert snapshot is not None
    assert snapshot.records == {"token:A": b"2"}
    assert snapshot.next_offset == 6


async def test_a_full_write_replaces_all_and_never_goes_back(view: View) -> None:
    assert await view.write({"token:A": b"1", "token:B": b"1"}, {}, at(5, {}), 1, onto=None)
    assert not await view.write({"token:A": b"0"}, {}, at(4, {}), 1, onto=None)
    assert await view.write({"token:A": b"2"}, {}, at(5, {}), 1, onto=None)
    snapshot = await view.read()
    assert snapshot is not None
    assert snapshot.records == {"token:A": b"2"}


async def test_a_desk_reads_the_last_published_numbers_of_a_token(view: View, redis: "Redis") -> None:
    walk = Walk(1, steps=60)
    partition = Partition(0)
    partition.apply(InputRecord(n, 2**41, b"TAO", encode_input(given)) for n, (given, _) in enumerate(walk.inputs))
    changes = partition.changes()
    assert await view.write(changes, partition.navs, partition.checkpoint, 0, onto=None)
    name, nav = next(iter(partition.navs.items()))
    shown = await redis.hgetall(f"test:{{0}}:token:{name}")
    assert shown == {b"state": changes[f"token:{name}"], b"nav": nav}
    assert isinstance(decode_output(nav).body, NavPublished)
    whole = await view.read_all()
    assert whole is not None
    assert whole.records.keys() == partition.records().keys()


async def test_another_format_is_not_read(view: View, redis: "Redis") -> None:
    assert await view.write({}, {}, at(5, {}), 1, onto=None)
    await redis.hset("test:{0}:meta", "format", "0")
    assert await view.read() is None


async def test_two_partitions_do_not_touch_each_other(view: View, redis: "Redis") -> None:
    other = View(redis, 1, "test")
    assert await view.write({"token:A": b"1"}, {}, at(5, {}), 1, onto=None)
    assert await other.write({"token:B": b"1"}, {}, at(2, {}), 1, onto=None)
    assert await other.write({}, {}, at(3, {}), 1, onto=None)
    snapshot = await view.read()
    assert snapshot is not None
    assert snapshot.records == {"token:A": b"1"}


async def test_a_server_that_may_evict_is_refused(redis: "Redis") -> None:
    await refuse_eviction(redis)
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ViewError, match="noeviction"):
            await refuse_eviction(redis)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_no_server_is_a_view_error() -> None:
    async with connect("redis://127.0.0.1:1/0") as nobody:
        view = View(nobody, 0, "test")
        with pytest.raises(ViewError):
            await view.read()
        with pytest.raises(ViewError):
            await view.write({}, {}, at(1, {}), 1, onto=None)
        with pytest.raises(ViewError):
            await refuse_eviction(nobody)
