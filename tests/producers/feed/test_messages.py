"""Files of raw messages, of both kinds, and what is wrong with them."""

import gzip
from pathlib import Path

import pytest

from producers.feed.messages import Message, holds_messages, messages
from producers.feed.settings import FeedError

NS = 1_760_055_000_123_456_789


def read(path: Path) -> tuple[list[Message], int]:
    odd: list[None] = []
    return list(messages(path, lambda: odd.append(None))), len(odd)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_capture_has_a_local_time_and_a_message_a_line(tmp_path: Path, zipped: bool) -> None:
    text = f'{NS} {{"u":1,"b":"400.10"}}\n\n{NS + 999} [1,2]\n'
    path = tmp_path / "c"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert holds_messages(path)
    local = NS // 1_000
    assert read(path) == ([Message(local, {"u": 1, "b": "400.10"}), Message((NS + 999) // 1_000, [1, 2])], 0)


def test_what_is_no_message_is_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text(
        f'{NS} {{"u":1}}\n{NS} {{"u":NaN}}\n{NS} <html>\nrubbish\n{NS // 1_000} {{"u":2}}\n{NS} {{"u":3}}\n{NS} {{"u":'
    )
    found, odd = read(path)
    assert [message.body for message in found] == [{"u": 1}, {"u": 3}]
    assert odd == 5


@pytest.mark.parametrize(
    ("text", "bodies"),
    [
        ('{"u":1}\n{"u":2}\n', [{"u": 1}, {"u": 2}]),
        ('[{"u":1},\n {"u":2}]', [{"u": 1}, {"u": 2}]),
        ('{\n "u": 1\n}\n', [{"u": 1}]),
        ("[]", []),
    ],
)
def test_a_collection_is_lines_or_an_array_or_one_object(tmp_path: Path, text: str, bodies: list[object]) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    assert holds_messages(path)
    assert read(path) == ([Message(None, body) for body in bodies], 0)


def test_a_collection_that_is_neither_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"u":1}\n{"u":\n')
    with pytest.raises(FeedError, match=r"c\.json: neither JSON nor a JSON message a line: "):
        read(path)


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.gz"
    whole = gzip.compress(f'{NS} {{"u":1}}\n'.encode() * 9_999)
    path.write_bytes(whole[:-8] + bytes(8))
    with pytest.raises(FeedError, match=r"c\.gz: "):
        read(path)


def test_an_archive_that_is_cut_off_is_read_as_far_as_it_goes_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "c.gz"
    lines = [f'{NS + number} {{"u":{number * 7_919 % 10_007}}}\n' for number in range(9_999)]
    path.write_bytes(gzip.compress("".join(lines).encode())[:-1_000])
    found, odd = read(path)
    assert 8_000 < len(found) < 9_999
    assert [message.body["u"] for message in found] == [number * 7_919 % 10_007 for number in range(len(found))]
    assert odd == 1


@pytest.mark.parametrize(
    "text", ["time,price\n1,2\n", "", "1760055000123,5\n", "1760055000 {}\n", "1760055000123456 {}\n"]
)
def test_prices_are_no_messages(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    assert not holds_messages(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("body", "time"),
    [
        ({"E": 5}, 5_000), ({"data": {"E": 5}}, 5_000), ({"ts": 7, "data": {"u": 1}}, 7_000),
        ({"data": [{"ts": "9"}]}, 9_000), ({"result": None, "id": 1}, None), ([1], None), ({"E": "soon"}, None),
    ],
)  # fmt: skip
def test_the_exchanges_time_of_any_message(body: object, time: int | None) -> None:
    assert Message(1, body).event_time() == time
