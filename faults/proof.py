"""`./dev faults --prove [DEFECT ...]`: each through the campaign, calm first, then harassed until caught."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from faults.campaign import Campaign
from faults.catalogue import FAULTS
from faults.mutants import MUTANTS

ATTEMPTS = 4
SHOWN_CHARACTERS = 200
KILLS = ("engine_killed_often", "broker_frozen_engines_killed")
FREEZES = ("engine_frozen", "engine_unheard")
REDIS = ("redis_flushed", "redis_set_back", "redis_set_back_engine_killed")
MEANT: dict[str, tuple[str, ...]] = {
    "random_transactional_id": FREEZES,
    "redis_before_commit": ("broker_frozen_engines_killed", "broker_killed"),
    "redis_unchecked": REDIS,
    "redis_not_cleared": REDIS,
    "state_from_redis": ("redis_set_back_engine_killed",),
    "inputs_from_the_end": ("engines_killed",),
    "no_offset_check": ("engines_killed",),
    "poison_swallowed": (),
    "wall_clock": ("clocks_stepped",),
    "read_uncommitted": ("network_slow_engines_killed", "network_slow_engines_killed"),
    "commit_repeated": ("commits_late",) * 6,
    "calls_repeated": ("commits_late",) * 6,
    "state_read_before_the_fence": ("engine_frozen_far_away",) * 6,
}
"""The faults a defect ought to show under, tried first; then all of them. Kills where nothing is said."""


def caught(name: str, seed: int, faults: tuple[str, ...]) -> str | None:
    """What gave the defect away in one run; None if nothing did."""
    with tempfile.TemporaryDirectory(prefix=f"levtao-{name}-") as folder:
        outcome = Campaign(Path(folder), seed, faults, mutant=name, say=lambda _: None).run()
    return next((problem.replace("\n", " ") for problem in outcome.problems), None)


def prove(name: str) -> str:
    """A row of the table."""
    meant = MEANT.get(name, KILLS)
    calm = caught(name, 1, ())
    tries = [(seed, meant) for seed in range(1, ATTEMPTS)] + [(ATTEMPTS, tuple(FAULTS))]
    for seed, faults in tries if calm is None else ():
        message = caught(name, seed, faults)
        if message is not None:
            named = "all faults" if len(faults) == len(FAULTS) else ", ".join(dict.fromkeys(faults))
            return f"| {name} | passes | seed {seed}: {named} | {_cell(message)} |"
    if calm is not None:
        return f"| {name} | caught | seed 1, no fault needed | {_cell(calm)} |"
    return f"| {name} | passes | **not caught** in {len(tries)} runs | |"


def _cell(message: str) -> str:
    return message[:SHOWN_CHARACTERS].replace("|", "\\|")


def prove_all(names: Sequence[str]) -> bool:
    """Print the table row by row; whether every defect was caught."""
    print("| defect | undisturbed | caught by | saying |\n| --- | --- | --- | --- |", flush=True)
    rows = []
    for name in names or MUTANTS:
        rows.append(prove(name))
        print(rows[-1], flush=True)
    return not any("not caught" in row for row in rows)
