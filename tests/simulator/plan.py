"""A plan is everything a run depends on: the same plan gives the same run, and a seed gives a plan."""

from dataclasses import dataclass
from random import Random

from engine.domain.instants import Instant
from engine.runtime.lane import LaneSettings
from tests.simulator import faults, market
from tests.simulator.faults import Fault
from tests.simulator.market import Given

PACES_S = (0.5, 5.0, 60.0, 600.0)
"""Time between two steps of the market: from a busy minute to days."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What comes in, what goes wrong, and who is there."""

    seed: int
    start: Instant
    duration_s: float
    pace_s: float
    partitions: int
    engines: int
    underlyings: dict[str, int]
    settings: LaneSettings
    inputs: tuple[Given, ...]
    faults: tuple[Fault, ...]

    @property
    def engine_names(self) -> list[str]:
        """The engines."""
        return [f"engine-{number}" for number in range(self.engines)]

    def __str__(self) -> str:
        """For a person: what to look at first."""
        lines = [
            f"{self.engines} engines, {self.partitions} partitions, {len(self.inputs)} inputs, {self.duration_s:.0f} s",
            *(
                f"  fault  {each.at_s:>10.3f} s  {each.act} {each.who} {each.point} {each.lasts_s:g}"
                for each in self.faults
            ),
        ]
        if len(self.inputs) <= 30:
            lines += [
                f"  input  {each.at_s:>10.3f} s  {each.value[:150].decode(errors='replace')}" for each in self.inputs
            ]
        return "\n".join(lines)


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(seed)
    pace_s = random.choice(PACES_S)
    partitions = random.choice([1, 2, 2])
    start, inputs = market.draw(random, partitions, random.choice([6, 12, 24, 48]), pace_s)
    duration_s = round(max(given.at_s for given in inputs) + pace_s, 3)
    engines = random.choice([1, 2, 2, 3])
    underlyings = {given.key.decode(): given.partition for given in inputs if given.at_s == 0}
    names = [f"engine-{number}" for number in range(engines)]
    return Plan(
        seed=seed, start=start, duration_s=duration_s, pace_s=pace_s, partitions=partitions, engines=engines,
        underlyings=underlyings, settings=_settings(random, pace_s), inputs=tuple(inputs),
        faults=tuple(faults.draw(random, duration_s, names, ["broker", "desk", "feed"])),
    )  # fmt: skip


def _settings(random: Random, pace_s: float) -> LaneSettings:
    """Small batches, so that there are many; waits in step with the market, so that days pass in seconds."""
    pick = random.choice
    return LaneSettings(
        max_read=pick([1, 7, 2_000]), max_outputs=pick([1, 10, 1_000]), slice=pick([1, 3, 20]),
        slice_outputs=pick([1, 10, 1_000]), read_wait_s=pick([0.2, 0.4]) * max(1.0, pace_s),
        commit_after_s=pick([0.2, 0.5 * pace_s]), commit_after_inputs=pick([1, 10, 5_000]),
        fenced_backoff_s=pick([0.1, 5.0]),
    )  # fmt: skip
