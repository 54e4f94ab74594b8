"""Whatever the bytes: only the refusal of each door comes out."""

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.codec import DecodeError, decode_input, decode_output, encode_input, read_input
from levtao.commands import serve
from levtao.commands.report import report
from levtao.scenario import Scenario, ScenarioError
from levtao.settings import Settings, SettingsError, UnderlyingListing, load
from producers.prices import PriceFile, PriceFileError
from tests.fuzz.budget import tried
from tests.fuzz.corpus import DEEP, LIFE, outputs, spoilt_bytes, spoilt_fields

LINES = st.one_of(st.binary(max_size=200), spoilt_bytes(LIFE), spoilt_fields(LIFE), st.sampled_from(DEEP))
SAID = st.one_of(st.binary(max_size=200), spoilt_bytes(outputs()), spoilt_fields(outputs()), st.sampled_from(DEEP))

TICKS = b"time,price\n2025-10-10T00:00:00Z,100\n1760054401000,101.5\n2025-10-10T00:00:02Z,99\n"
BARS = b"open_time,open,high,low,close,volume\n" + b"".join(
    b"%d,100,103,99,101,5\n" % (1_760_054_400_000 + number * 60_000) for number in range(4)
)
FILES = [TICKS, BARS, gzip.compress(TICKS), gzip.compress(BARS), b"\xef\xbb\xbf" + TICKS]
TOML = b"""\
kafka = "127.0.0.1:9092"
partitions = 2
session_timeout_s = 5.5

[underlyings.TAO]
partition = 0
venues = ["binance", "bybit"]
min_venues = 2
max_slice_notional = "5000"
funding_weights = { binance = "0.6", bybit = "0.4" }

[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
terms_version = 4
max_leverage = "none"
"""
WORDS = [
    b"true", b"-1", b"1e999", b"nan", b"inf", b"9" * 5_000, b"1" + b"0" * 30, b"[]", b"{}", b'""', b"1979-05-27",
    b"07:32:00", b"[[", b"]]", b"\n[underlyings]\n", b"[tokens.X]\n", b"\nextra = 1\n", b'"""', b"[" * 5_000, b"'\x00'",
]  # fmt: skip


def _into(at: int, word: bytes) -> bytes:
    """The settings with a word in place of what follows the next equals sign, or in between."""
    found = TOML.find(b"= ", at) + 2
    end = TOML.find(b"\n", found)
    return TOML[:found] + word + TOML[end:] if found > 1 else TOML[:at] + word + TOML[at:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@tried(1500)
@given(LINES, st.sampled_from([b"TAO", None, b"", b"\xff"]))
def test_bytes_are_an_input_or_refused_and_an_input_comes_back(line: bytes, key: bytes | None) -> None:
    with contextlib.suppress(DecodeError):
        said = read_input(line)
        assert read_input(encode_input(said)) == said
    with contextlib.suppress(DecodeError):
        decode_input(key, line)


@tried(1500)
@given(SAID)
def test_bytes_are_an_output_or_no_value(line: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_output(line)


@tried(800)
@given(
    st.one_of(
        spoilt_bytes(FILES),
        st.builds(lambda start, rest: start + rest, st.sampled_from([b"time,price\n", b"\x1f\x8b", b""]), st.binary()),
        st.builds(lambda data: gzip.compress(TICKS)[:-8] + data, st.binary(max_size=20)),
    )
)
def test_a_file_is_prices_or_refused(folder: Path, content: bytes) -> None:
    path = folder / "prices.csv"
    path.write_bytes(content)
    with contextlib.suppress(PriceFileError):
        times = [tick.time for tick in PriceFile(path).ticks()]
        assert times == sorted(times)


@tried(400)
@given(st.lists(st.sampled_from(LIFE) | LINES, max_size=6), st.integers(0, 30))
def test_a_scenario_runs_or_is_refused(lines: list[bytes], opening: int) -> None:
    scenario = Scenario()
    with contextlib.suppress(ScenarioError):
        for said in scenario.run([*LIFE[:opening], *lines]):
            if b'"dead_letter"' not in said[:30]:
                decode_output(said)
    scenario.summaries()


@tried(150)
@given(spoilt_bytes([TOML]) | st.builds(_into, st.integers(0, len(TOML)), st.sampled_from(WORDS)) | st.binary())
def test_a_file_is_settings_or_refused(folder: Path, content: bytes) -> None:
    path = folder / "levtao.toml"
    path.write_bytes(content)
    with contextlib.suppress(SettingsError):
        for command in load(path).commands():
            assert read_input(encode_input(command)) == command


@tried(500)
@given(st.lists(st.sampled_from(outputs()) | SAID, max_size=6), st.booleans())
def test_a_report_is_made_or_refused_in_one_line(folder: Path, lines: list[bytes], zipped: bool) -> None:
    path = folder / "out.jsonl"
    content = b"\n".join(lines)
    path.write_bytes(gzip.compress(content) if zipped else content)
    with contextlib.suppress(typer.Exit):
        report([path], folder / "out.html", None, None)


@pytest.fixture(scope="module")
def sent() -> Iterator[list[object]]:
    """What would be sent, in place of a broker."""
    with pytest.MonkeyPatch.context() as patch:
        found: list[object] = []
        patch.setattr(serve, "_send", lambda _, inputs: inputs)
        patch.setattr(serve, "run", found.append)
        yield found


@tried(400)
@given(st.lists(st.sampled_from(LIFE) | LINES, max_size=4))
def test_inputs_of_a_file_are_all_sent_or_none_is(folder: Path, sent: list[object], lines: list[bytes]) -> None:
    path = folder / "inputs.jsonl"
    path.write_bytes(b"\n".join(lines))
    sent.clear()
    try:
        serve.send(Settings(underlyings={"TAO": UnderlyingListing(partition=0)}), path)
    except typer.Exit:
        assert sent == []
    else:
        assert sent == [[read_input(line.strip()) for line in path.read_bytes().splitlines()]]
