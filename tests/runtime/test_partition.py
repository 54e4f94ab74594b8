"""The fold: the same inputs give the same bytes, however they are cut and wherever the process stopped."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.runtime.partition import NO_FLOOD, HoleError, InputRecord, OutputRecord, Partition
from engine.wire.codec import encode_input
from engine.wire.states import Checkpoint, decode_checkpoint, encode_checkpoint
from tests.desk import MIDNIGHT, d
from tests.walk import Walk


def log_of(walk: Walk) -> list[InputRecord]:
    """The walk as records of an input log, with its garbage."""
    records: list[InputRecord] = []
    for sent, position in walk.inputs:
        appended = position.appended or MIDNIGHT + 365 * 86_400 * 1_000_000
        records.append(InputRecord(len(records), appended // 1000, b"TAO", encode_input(sent)))
        if walk.random.random() < 0.05:
            records.append(
                InputRecord(len(records), appended // 1000, b"TAO", b"{" + bytes([walk.random.randrange(256)]))
            )
    return records


def fold(records: list[InputRecord], cuts: list[int]) -> tuple[list[OutputRecord], Partition]:
    """Outputs of the records taken in the batches `cuts` makes, with a stop and a new start at every cut."""
    outputs: list[OutputRecord] = []
    partition = Partition(0, dead_letter_limit=NO_FLOOD)
    kept: dict[str, bytes] = {}
    for start, end in pairwise([0, *cuts, len(records)]):
        outputs += partition.apply(records[start:end])
        for name, value in partition.changes().items():
            if value is None:
                kept.pop(name, None)
            else:
                kept[name] = value
        assert kept == partition.records(), "a change was not noted"
        checkpoint = decode_checkpoint(encode_checkpoint(partition.checkpoint))
        partition = Partition(0, checkpoint, NO_FLOOD)
        partition.restore(kept)
    return outputs, partition


@given(st.integers(0, 10**9), st.data())
def test_cut_anywhere_and_stopped_after_any_step_the_bytes_are_the_same(seed: int, data: st.DataObject) -> None:
    records = log_of(Walk(seed, steps=80))
    whole, undisturbed = fold(records, [])
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=12).map(sorted))
    cut, stopped = fold(records, cuts)
    assert cut == whole
    assert stopped.records() == undisturbed.records()
    one_by_one, last = fold(records, list(range(1, len(records))))
    assert one_by_one == whole
    assert last.records() == undisturbed.records()
    assert last.checkpoint.batch == len(records)


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from hashlib import sha256; from tests.runtime.test_partition import *; "
        "print(sha256(repr(fold(log_of(Walk(7)), [])[0]).encode()).hexdigest())"
    )
    digests = set()
    for seed in ("0", "1", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(  # noqa: S603 - this interpreter, this test
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_records_that_are_not_what_the_checkpoint_sums_up_are_refused() -> None:
    records = log_of(Walk(3, steps=30))
    partition = Partition(0, dead_letter_limit=NO_FLOOD)
    partition.apply(records)
    partition.changes()
    kept = partition.records()
    name = min(kept)
    for wrong in ({k: v for k, v in kept.items() if k != name}, kept | {name: kept[name].replace(b"TAO", b"TAU")}):
        with pytest.raises(ValueError, match="digest"):
            Partition(0, partition.checkpoint).restore(wrong)


def test_a_hole_in_the_inputs_is_a_defect_not_an_input() -> None:
    partition = Partition(0)
    with pytest.raises(HoleError, match="input 1 came where 0 was due"):
        partition.apply([InputRecord(1, 0, b"TAO", b"{}")])


def _open(partition: int = 0, underlying: str = "TAO") -> bytes:
    return encode_input(SetUnderlyingTerms(underlying, partition, 1, UnderlyingTerms(), by="t", reason="t"))


def _list(token: str, underlying: str) -> bytes:
    return encode_input(SetTokenTerms(underlying, token, 1, TokenTerms(multiplier=d(3)), by="t", reason="t"))


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"TAO", b"garbage", b"not_json"),
        (b"BTC", _open(), b"wrong_key"),
        (b"BTC", _open(1, "BTC"), b"wrong_partition"),
        (b"BTC", _list("BTC3L", "BTC"), b"unknown_underlying"),
        (b"ETH", _list("TAO3L", "ETH"), b"token_of_another_underlying"),
    ],
)
def test_what_has_no_book_to_go_to_is_a_dead_letter_and_nothing_else_changes(
    key: bytes, value: bytes, reason: bytes
) -> None:
    values = [(b"TAO", _open()), (b"ETH", _open(0, "ETH")), (b"TAO", _list("TAO3L", "TAO"))]
    partition = Partition(0)
    partition.apply([InputRecord(offset, 0, *each) for offset, each in enumerate(values)])
    partition.changes()
    before = partition.records()
    [letter] = partition.apply([InputRecord(3, 5, key, value)])
    assert letter.topic == "levtao.deadletters.v1"
    assert letter.timestamp_ms == 5
    assert b'"reason": "' + reason + b'"' in letter.value
    assert dict(letter.headers)["ce_cause"] == b"levtao.inputs.v1/0/3"
    assert partition.changes() == {}
    assert partition.records() == before
    assert partition.checkpoint.next_offset == 4


def test_a_flood_stops_before_the_letter_that_is_too_many_and_stays_stopped_after_a_restart() -> None:
    partition = Partition(0, dead_letter_limit=(3, 100))
    bad = [InputRecord(offset, 0, b"TAO", b"garbage") for offset in range(10)]
    assert len(partition.apply(bad)) == 3
    assert partition.flooded
    assert partition.next_offset == 3
    partition.changes()
    again = Partition(0, partition.checkpoint, (3, 100))
    assert again.apply(bad[3:]) == []
    assert again.flooded


def test_ten_thousand_dead_letters_cost_what_one_costs_ten_thousand_times() -> None:
    partition = Partition(0, dead_letter_limit=(10**9, 5))
    partition.apply([InputRecord(offset, 0, b"TAO", b"garbage") for offset in range(10_000)])
    partition.changes()
    assert len(partition.checkpoint.recent_dead_letters) <= 5
    assert partition.checkpoint.dead_letters == 10_000


def test_dead_letters_far_apart_are_no_flood() -> None:
    partition = Partition(0, dead_letter_limit=(2, 5))
    values = [_open()] + [b"garbage" if offset % 3 == 0 else _list(f"T{offset}", "TAO") for offset in range(1, 40)]
    letters = partition.apply([InputRecord(offset, 0, b"TAO", value) for offset, value in enumerate(values)])
    assert not partition.flooded
    assert sum(1 for letter in letters if letter.topic.endswith("deadletters.v1")) == 13


def test_a_checkpoint_comes_back_as_it_went() -> None:
    checkpoint = Checkpoint(5, 2, "ab", 3, (1, 2, 4))
    assert decode_checkpoint(encode_checkpoint(checkpoint)) == checkpoint
