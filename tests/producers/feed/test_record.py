"""Recordings: what arrives is on the disk within a second, a file a venue and UTC day; nothing else stops for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from producers.feed import record as module
from producers.feed.feed import Feed
from producers.feed.outbox import Outbox
from producers.feed.quotes import Market
from producers.feed.record import Recorder
from producers.feed.settings import FeedSettings
from tests.eventually import eventually
from tests.exchange.server import StandIn
from tests.producers.feed.live import connecting, running, sample, watched

MIDNIGHT_NS = 1_760_054_400_000_000_000
"""2025-10-10T00:00:00Z."""


def test_a_file_a_venue_and_utc_day(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.note("a", {"n": 1, "é": [1.5]}, MIDNIGHT_NS - 1)
    recorder.note("a", {"n": 2}, MIDNIGHT_NS)
    recorder.note("b", [{"n": 3}], MIDNIGHT_NS)
    recorder.note("b", "pong", MIDNIGHT_NS)
    recorder.flush()
    recorder.note("a", {"n": 4}, MIDNIGHT_NS + 1)
    recorder.flush()
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        "a-2025-10-09.txt": f'{MIDNIGHT_NS - 1} {{"n":1,"é":[1.5]}}\n',
        "a-2025-10-10.txt": f'{MIDNIGHT_NS} {{"n":2}}\n{MIDNIGHT_NS + 1} {{"n":4}}\n',
        "b-2025-10-10.txt": f'{MIDNIGHT_NS} [{{"n":3}}]\n',
    }


async def test_what_arrives_is_recorded_as_it_was_sent_and_flushed_each_second(
    tmp_path: Path, standin: StandIn
) -> None:
    recorder = Recorder(tmp_path)
    async with running(recorder.run()), watched(standin, "okx", recorder=recorder) as fed:
        await fed.quote("400.10", "400.30")
        await fed.venue.send_text('{"b":')
        await fed.quote("NaN", "400.30")

        def recorded() -> list[str]:
            return [line for path in tmp_path.glob(f"{fed.name}-*.txt") for line in path.read_text().splitlines()]

        await eventually(lambda: "NaN" in "".join(recorded()), "on the disk", deadline_s=2)
        sent = [text for frames in fed.venue._pushed[fed.symbol] for _, text in frames if "bids" in text]
        bodies = [line.split(" ", 1)[1] for line in recorded()]
        assert [json.loads(body) for body in bodies if "bids" in body] == [json.loads(text) for text in sent]
        assert all(line.split(" ", 1)[0].isdecimal() for line in recorded())
        await fed.quote("401.10", "401.30")
        await fed.saw("401.10", "401.30")
    assert "401.10" in recorded()[-1], "the rest is written at the end"


async def test_what_arrives_while_a_venue_is_closed_is_recorded(tmp_path: Path, standin: StandIn, unique: str) -> None:
    recorder = Recorder(tmp_path)

    def connect(settings: FeedSettings) -> Any:
        exchange = connecting(standin)(settings)
        close = exchange.close

        async def slow_close() -> None:
            await asyncio.sleep(0.1)
            recorder.note(unique, {"last": "words"}, MIDNIGHT_NS)
            await close()

        exchange.close = slow_close
        return exchange

    settings = {unique: FeedSettings(exchange="binance", kind="spot", symbols={"TAO": "TAO/USDT"}, poll_s=0)}
    feed = Feed(settings, {unique: [Market("TAO/USDT", "TAO")]}, Outbox(), recorder, connect=connect)
    async with running(feed.run()):
        await eventually(lambda: standin.binance.subscribed("TAO/USDT"), "subscribed")
    assert '{"last":"words"}' in (tmp_path / f"{unique}-2025-10-10.txt").read_text()


async def test_a_disk_that_takes_nothing_is_counted_and_prices_go_on(tmp_path: Path, standin: StandIn) -> None:
    recorder = Recorder(tmp_path / "missing")
    async with running(recorder.run()), watched(standin, recorder=recorder) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        await eventually(lambda: sample("levtao_feed_unrecorded_total", venue=fed.name) >= 1, "counted")
        (tmp_path / "missing").mkdir()
        await fed.quote("402.5", "403.5")
        await eventually(lambda: list((tmp_path / "missing").iterdir()), "recorded again")
        assert fed.prices == [("400.5", "401.5"), ("402.5", "403.5")]


def test_no_more_waits_for_the_disk_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique: str
) -> None:
    monkeypatch.setattr(module, "BUFFERED", 2)
    recorder = Recorder(tmp_path)
    for number in range(5):
        recorder.note(unique, {"n": number}, MIDNIGHT_NS)
    recorder.flush()
    recorder.note(unique, {"n": 5}, MIDNIGHT_NS)
    recorder.flush()
    [path] = tmp_path.iterdir()
    assert [line[-2] for line in path.read_text().splitlines()] == ["0", "1", "5"]
    assert sample("levtao_feed_unrecorded_total", venue=unique) == 3
