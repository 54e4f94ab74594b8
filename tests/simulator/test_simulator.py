"""The whole service under virtual time and faults: nothing lost, nothing doubled, and all of it the fold of its inputs.

`LEVTAO_SIMULATOR_S` sets how long seeds are run; `./dev simulate` runs as many as wanted.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from redis.asyncio import Redis

from engine.runtime.view import View
from engine.wire.states import Checkpoint
from engine.wire.topics import TOPICS
from tests.simulator.faults import SIDES, Act, Fault
from tests.simulator.loop import LivelockError, VirtualLoop
from tests.simulator.mutations import MUTATIONS, Mutation, last_input_taken_again
from tests.simulator.plan import draw
from tests.simulator.redis import Client, Server
from tests.simulator.runs import attempt, attempt_seed, report, shrink, silenced, sweep
from tests.simulator.world import run

ROOT = Path(__file__).parents[2]
SECONDS = float(os.environ.get("LEVTAO_SIMULATOR_S", "60"))
TELLING = 400
"""Among so many seeds every kind of fault strikes."""
FOUND_WITHIN = 150
"""A defect is found within so many seeds."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with silenced():
        yield


def test_whatever_goes_wrong_what_is_said_follows_from_what_came_in(capsys: pytest.CaptureFixture[str]) -> None:
    seeds, inputs, days = 0, 0, 0.0
    struck: Counter[str] = Counter()
    for result in sweep(count(), SECONDS):
        assert result.check is None, report(result.seed, result.check or "", result.text)
        seeds, inputs, days = seeds + 1, inputs + result.inputs, days + result.virtual_s / 86_400
        struck += result.struck
    with capsys.disabled():
        sys.stdout.write(
            f"\nsimulator: {seeds} seeds, {inputs} inputs, {struck.total()} faults of {len(struck)} kinds, "
            f"{days:.1f} virtual days\n"
        )
    if seeds >= TELLING:
        acts, calls = {each.partition(" ")[0] for each in struck}, {each.partition(" ")[2] for each in struck}
        assert acts == set(get_args(Act))
        assert calls >= {f"{call}.{side}" for call in ("open", "commit", "view") for side in SIDES}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: str(mutation.__name__))
def test_a_defect_is_found(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    by_itself = {None, "stopped", "unhandled"}
    assert any(attempt_seed(seed).check not in by_itself for seed in range(FOUND_WITHIN))


def test_a_failing_plan_shrinks_to_one_that_fails_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    last_input_taken_again(monkeypatch)
    plan = draw(4)
    check = attempt(plan).check
    assert check is not None
    smallest = shrink(plan, check, runs=60)
    assert attempt(smallest).check == check
    assert len(smallest.faults) <= 1
    assert len(smallest.inputs) < len(plan.inputs) / 2
    assert "input" in str(smallest)


def footprint(seeds: range) -> str:
    """Everything that was said and written in the runs of some seeds, in short."""
    seen = sha256()
    for seed in seeds:
        outcome = run(draw(seed))
        for topic in TOPICS:
            for number in range(outcome.plan.partitions):
                seen.update(repr(outcome.log.partition(topic.name, number).records).encode())
        commits = [(commit.who, commit.at_s, commit.epoch) for commit in outcome.commits]
        seen.update(repr((outcome.writes, commits, outcome.lives, outcome.virtual_s)).encode())
    return seen.hexdigest()


def test_a_seed_gives_the_same_run_in_every_process() -> None:
    program = "from tests.simulator import runs, test_simulator as t; runs.silence(); print(t.footprint(range(8)))"
    prints = {
        subprocess.run(  # noqa: S603 - this Python, in another process
            [sys.executable, "-c", program],
            cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(prints) == 1


def test_a_crash_before_the_answer_leaves_a_commit_that_counts() -> None:
    """The fault does what it says: the process is gone, its transaction is there, its successor goes on after it."""
    plan = replace(draw(3), engines=1, faults=(Fault(1.0, "crash", "engine-0", "commit.after", 1.0),))
    outcome = run(plan)
    engines = [commit.epoch for commit in outcome.commits if commit.partition == 0]
    assert len(set(engines)) == 2
    assert attempt(plan).check is None


def test_time_jumps_and_a_pause_stops_a_process() -> None:
    loop = VirtualLoop()

    async def days() -> float:
        await asyncio.sleep(7 * 86_400)
        return loop.time()

    assert loop.run_until_complete(days()) == 7 * 86_400
    with pytest.raises(LivelockError):
        loop.run_until_complete(asyncio.Event().wait())
    loop.close()


async def test_the_stand_in_for_redis_does_what_the_real_one_does(redis: "Redis") -> None:
    random = Random(1)
    server = Server()
    real, ours = View(redis, 0), View(Client(server), 0)  # type: ignore[arg-type]
    at = 0
    for _ in range(300):
        names = random.sample(["token:A", "token:B", "market:TAO", "order:1"], random.randint(0, 4))
        changes = {name: random.choice([None, b"1", b"2"]) for name in names}
        onto = random.choice([None, at, at, at - 1])
        checkpoint = Checkpoint(max(0, at + random.choice([0, 1, 5, -3])), 1, f"{random.random()}")
        position = random.randrange(99)
        taken = [await view.write(changes, {}, checkpoint, position, onto=onto) for view in (real, ours)]
        assert taken[0] == taken[1]
        at = checkpoint.next_offset if taken[0] else at
        if random.random() < 0.02:
            await real.drop()
            await ours.drop()
        snapshots = [await view.read() for view in (real, ours)]
        assert snapshots[0] == snapshots[1]
        assert await real.read_all() == await ours.read_all()
