"""A short fault campaign on the real parts, and that it would have noticed. `./dev faults` is the long one."""

from pathlib import Path

import pytest

from faults.campaign import Campaign, Outcome
from faults.catalogue import FAULTS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

SHORT = (
    "engine_killed",
    "engine_frozen",
    "engine_unheard",
    "broker_frozen_engines_killed",
    "redis_flushed_engine_killed",
    "redis_killed",
    "redis_disk_full",
    "network_slow",
    "clocks_stepped",
    "inputs_flooded",
)


def campaign(folder: Path, *faults: str, mutant: str | None = None) -> Outcome:
    return Campaign(folder, seed=3, faults=faults, mutant=mutant).run()


def test_nothing_is_lost_or_doubled_whatever_happens(tmp_path: Path) -> None:
    outcome = campaign(tmp_path, *SHORT)
    assert outcome.problems == []
    assert sorted(suffered.fault for suffered in outcome.suffered) == sorted(SHORT)
    assert [done.outputs > 1_000 for done in outcome.checked] == [True, True]
    assert all(done.checkpoints > 200 and done.looks > 20 for done in outcome.checked)


def test_a_campaign_notices_a_lane_without_a_fence(tmp_path: Path) -> None:
    problems = campaign(tmp_path, "engine_frozen", "engine_unheard", mutant="random_transactional_id").problems
    assert any("checkpoint goes back" in problem or "undisturbed" in problem for problem in problems), problems


def test_every_fault_says_what_it_is() -> None:
    assert set(SHORT) < set(FAULTS)
    assert all(fault.__doc__ for fault in FAULTS.values())
