"""Recordings to quotes: by ccxt, in the order of arrival, at the exchange's time; live and replay are one way."""

import json
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import MILLISECOND
from engine.log.memory import MemoryLog
from engine.wire.topics import INPUTS
from producers.feed.captures import Captures, Source
from producers.feed.record import Recorder
from producers.feed.settings import FeedError, Kind
from producers.inputs import InputWriter
from producers.prices import UNREADABLE, opened
from producers.replay import send_paced
from tests.desk import MIDNIGHT
from tests.eventually import eventually
from tests.exchange.server import StandIn
from tests.producers.feed.live import SYMBOLS, running, watched
from tests.producers.feed.recorded import OFF, Recording, Said, record


def source(path: Path, exchange: str = "binance", kind: Kind = "spot", venue: str | None = None) -> Source:
    return Source(path, exchange, kind, SYMBOLS[kind], venue or f"{exchange}-{kind}")


def sources(recording: Recording) -> list[Source]:
    return [
        source(recording.path("binance-spot")),
        source(recording.path("binance-swap"), kind="swap"),
        source(recording.path("okx-spot"), "okx"),
    ]


def said(quotes: list[QuoteObserved]) -> list[Said]:
    return [(quote.venue, quote.time, quote.bid, quote.ask) for quote in quotes]


def read(*given: Source) -> tuple[list[QuoteObserved], Captures]:
    captures = Captures("TAO", list(given))
    captures.survey()
    return list(captures.quotes()), captures


def test_no_quote_of_a_recording_is_lost_or_invented(tmp_path: Path) -> None:
    recording = record(tmp_path)
    quotes, captures = read(*sources(recording))
    assert said(quotes) == recording.expected()
    assert captures.read == sum(map(len, recording.lines.values())) == len(quotes) + captures.dropped.total()
    assert set(captures.dropped) == {"older", "duplicate", "negative", "not_a_number"}
    assert min(captures.dropped.values()) > 5


def test_the_collectors_clock_is_put_right_by_the_least_delay(tmp_path: Path) -> None:
    recording = record(tmp_path)
    quotes, captures = read(*sources(recording))
    assert -OFF - 80 * MILLISECOND < captures.offset < -OFF
    passed = {
        venue: next(n for n, quote in enumerate(quotes) if quote.venue == venue and quote.time >= MIDNIGHT)
        for venue in ("binance-spot", "binance-swap", "okx-spot")
    }
    assert max(passed.values()) - min(passed.values()) < 30, "all venues pass midnight together"
    alone, uncorrected = read(source(recording.path("binance-spot")))
    assert uncorrected.offset == 0, "alone it has only the collector's clock"
    assert alone[0].time > quotes[0].time + OFF


def test_days_in_files_of_their_own_are_one_recording(tmp_path: Path) -> None:
    recording = record(tmp_path)
    whole = said(read(*sources(recording))[0])
    pieces = []
    for each in sources(recording):
        lines = each.path.read_text().splitlines(keepends=True)
        for name, piece in (("a", lines[: len(lines) // 2]), ("b", lines[len(lines) // 2 :])):
            path = tmp_path / f"{each.venue}-{name}.txt"
            path.write_text("".join(piece))
            pieces.append(each._replace(path=path))
    assert said(read(*pieces[::-1])[0]) == whole


def book(time_ms: int | None, bid: str, number: int) -> dict[str, Any]:
    dated = {} if time_ms is None else {"e": "bookTicker", "E": time_ms}
    return {**dated, "u": number, "s": "TAOUSDT", "b": bid, "B": "1", "a": "500", "A": "1"}


def test_a_collection_without_local_times_is_in_the_exchanges_order(tmp_path: Path) -> None:
    path = tmp_path / "messages.json"
    path.write_text(json.dumps([book(3_000, "403", 3), book(1_000, "401", 1), {"id": 1}, book(2_000, "402", 2)]))
    other = tmp_path / "okx.json"
    other.write_text(
        '{"arg":{"channel":"bbo-tbt","instId":"TAO-USDT"},'
        '"data":[{"asks":[["499","1"]],"bids":[["402.5","1"]],"ts":"2500"}]}\n'
    )
    quotes, captures = read(source(path, kind="swap"), source(other, "okx"))
    assert [(quote.time // MILLISECOND, str(quote.bid)) for quote in quotes] == [
        (1_000, "401"), (2_000, "402"), (2_500, "402.5"), (3_000, "403"),
    ]  # fmt: skip
    assert captures.dropped.total() == 0


@pytest.mark.parametrize("absurd", [4_102_444_800_000, MIDNIGHT * 1_000])
def test_one_message_with_an_absurd_time_misdates_itself_only(tmp_path: Path, absurd: int) -> None:
    first_ms = MIDNIGHT // MILLISECOND
    dated, undated = tmp_path / "swap.txt", tmp_path / "spot.txt"
    times = [first_ms + 1_500 * number for number in range(4)]
    said = [times[0], absurd, *times[2:]]
    dated.write_text(
        "".join(
            f"{ms * 1_000_000} {json.dumps(book(told, str(400 + n), n))}\n"
            for n, (ms, told) in enumerate(zip(times, said, strict=True))
        )
    )
    undated.write_text("".join(f"{ms * 1_000_000} {json.dumps(book(None, '401', n))}\n" for n, ms in enumerate(times)))
    quotes, captures = read(source(dated, kind="swap"), source(undated))
    assert captures.offset == 0
    found = [(quote.venue, quote.time // MILLISECOND - first_ms) for quote in quotes]
    assert [after for venue, after in found if venue == "binance-spot"] == [0, 1_500, 3_000, 4_500]
    assert [after for venue, after in found if venue == "binance-swap"] == [0, 2_500, 3_000, 4_500], "as live"


def test_a_venue_may_number_its_quotes_anew_in_each_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    ns = MIDNIGHT * 1_000
    first.write_text("".join(f"{ns + n * 10**9} {json.dumps(book(None, str(400 + n), 1_000 + n))}\n" for n in range(3)))
    second.write_text("".join(f"{ns + n * 10**9} {json.dumps(book(None, str(400 + n), n))}\n" for n in range(3, 6)))
    quotes, captures = read(source(first), source(second))
    assert [str(quote.bid) for quote in quotes] == ["400", "401", "402", "403", "404", "405"]
    assert captures.quoted == {"binance-spot": 6}


def test_a_message_without_any_time_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(book(None, "401", 1)))
    quotes, captures = read(source(path))
    assert (quotes, captures.dropped) == ([], {"undated": 1})


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    capture, collection = tmp_path / "c.txt", tmp_path / "c.json"
    capture.write_text(f"{MIDNIGHT * 1_000} {json.dumps(book(None, '401', 1))}\n")
    collection.write_text(json.dumps(book(1_000, "401", 1)))
    with pytest.raises(FeedError, match="files with local times and files without"):
        read(source(capture), source(collection, kind="swap"))
    with pytest.raises(FeedError, match="venue v is said to be two markets"):
        read(source(capture, venue="v"), source(capture, "okx", venue="v"))


async def test_at_the_pace_of_the_exchange(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    first_ms = MIDNIGHT // MILLISECOND
    lines = [(first_ms + 100 * n, book(first_ms + 100 * n, str(400 + n), n)) for n in range(8)]
    path.write_text("".join(f"{local_ms * 1_000_000} {json.dumps(message)}\n" for local_ms, message in lines))
    quotes, _ = read(source(path, kind="swap"))
    log = MemoryLog()
    await log.create({INPUTS.name: INPUTS.config()}, 1)
    began = monotonic()
    async with log.writer() as writer:
        assert await send_paced(quotes, 1.0, InputWriter(writer, lambda _: 0), lambda _: None) == 8
    assert 0.69 < monotonic() - began < 1.5
    stamps = [record.timestamp_ms for record in log.partition(INPUTS.name, 0).records]
    assert all(gap_ms < 300 for gap_ms in (after - before for before, after in pairwise(stamps)))
    assert stamps[-1] - stamps[0] > 550


@pytest.mark.parametrize(
    ("exchange", "kind"), [("binance", "spot"), ("binance", "swap"), ("okx", "swap"), ("bybit", "spot")]
)
async def test_what_was_recorded_live_is_replayed_as_it_was_observed(
    tmp_path: Path, standin: StandIn, exchange: str, kind: Kind
) -> None:
    recorder = Recorder(tmp_path)
    async with running(recorder.run()), watched(standin, exchange, kind, recorder=recorder) as fed:
        await fed.quote("400.5", "401.5")
        await fed.venue.burst(fed.symbol, [(f"{400 + n}.25", f"{401 + n}.5") for n in range(20)])
        await fed.venue.send_text("<html>")
        await fed.quote("NaN", "401")
        await fed.quote("405.5", "402.5")
        await fed.venue.repeat(fed.symbol)
        await fed.venue.disconnect()
        await eventually(lambda: fed.lost("closed") and fed.venue.subscribed(fed.symbol), "back")
        await fed.quote("402.75", "403.5")
        await fed.saw("402.75", "403.5")
    recorded = [source(path, exchange, kind, venue=fed.name) for path in found(tmp_path)]
    quotes, _ = read(*recorded)
    assert len(quotes) == 23
    assert said(quotes) == [(quote.venue, quote.time, quote.bid, quote.ask) for quote in fed.quotes]


def found(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.txt"))


def test_the_recordings_of_the_project_are_read_across_midnight(data: Path) -> None:
    """Every book ticker of Binance's spot and perpetual captures, read by ccxt and by the test."""
    captures = [path for path in sorted(data.rglob("*")) if path.is_file() and _first_ticker(path)]
    assert captures, f"no captures of Binance in {data}"
    for path in captures:
        first = _first_ticker(path)
        base = first["s"].removesuffix("USDT")
        swap = "E" in first
        market = Source(path, "binance", "swap", f"{base}/USDT:USDT", "v")
        read_by = Captures("TAO", [market if swap else market._replace(kind="spot", symbol=f"{base}/USDT")])
        read_by.survey()
        count, last = 0, 0
        for quote in read_by.quotes():
            assert quote.time >= last
            count, last = count + 1, quote.time
        unsound = sum(number for reason, number in read_by.dropped.items() if reason != "unreadable")
        assert count + unsound == sum(ticker["s"] == first["s"] for ticker in _tickers(path))


def _first_ticker(path: Path) -> Any:
    try:
        return next(_tickers(path, 2_000), None)
    except UNREADABLE:
        return None


def _tickers(path: Path, lines: int | None = None) -> Iterator[Any]:
    """The book tickers of Binance in a capture."""
    with opened(path) as found:
        for line in islice(found, lines):
            local, _, text = line.partition(" ")
            if not (local.isdecimal() and len(local) == 19):
                continue
            try:
                message = json.loads(text)
            except ValueError:
                continue
            body = message.get("data", message) if isinstance(message, dict) else None
            if isinstance(body, dict) and {"u", "s", "b", "B", "a", "A"} <= body.keys() and isinstance(body["b"], str):
                yield body
