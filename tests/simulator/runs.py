"""Seed after seed: run, check, and where something fails shrink the plan to the smallest that still does."""

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from time import monotonic
from typing import Any, Literal, NamedTuple

import structlog

from engine.runtime.engine import spare_gc
from tests.simulator import plan as plans
from tests.simulator.checks import ViolationError, verify
from tests.simulator.plan import Plan
from tests.simulator.world import run

SHRINK_RUNS = 400
AHEAD = 4
"""So many seeds a worker are handed out before the first is done."""


class Result(NamedTuple):
    """What became of a seed."""

    seed: int
    virtual_s: float
    inputs: int
    struck: Counter[str]
    """The faults that found somebody."""
    check: str | None
    """The check that failed."""
    text: str


def prepare() -> None:
    """For a process that runs many seeds."""
    spare_gc()
    silence()


def silence() -> None:
    """The service says what goes wrong; here all the time something does."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@contextmanager
def silenced() -> Iterator[None]:
    """Silence for a while."""
    before = structlog.get_config()
    silence()
    try:
        yield
    finally:
        structlog.configure(**before)


def attempt(plan: Plan) -> Result:
    """Run a plan and check what it left."""
    outcome = run(plan)
    what = plan.seed, outcome.virtual_s, len(plan.inputs), outcome.struck
    try:
        verify(outcome)
    except ViolationError as violation:
        return Result(*what, violation.check, str(violation))
    return Result(*what, None, "")


def attempt_seed(seed: int) -> Result:
    """Run the plan of a seed."""
    return attempt(plans.draw(seed))


def sweep(seeds: Iterable[int], seconds: float | None = None) -> Iterator[Result]:
    """Results of seeds, as they come, on every core; no new seed is begun after so many wall seconds."""
    ends = None if seconds is None else monotonic() + seconds
    jobs = os.cpu_count() or 1
    left = iter(seeds)
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=prepare) as pool:
        under_way: set[Future[Result]] = {pool.submit(attempt_seed, seed) for seed in islice(left, jobs * AHEAD)}
        while under_way:
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
            if ends is None or monotonic() < ends:
                under_way |= {pool.submit(attempt_seed, seed) for seed in islice(left, len(done))}


def shrink(plan: Plan, check: str, runs: int = SHRINK_RUNS) -> Plan:
    """The smallest plan found that fails the same check: shorter, with fewer engines, faults and inputs."""
    left = [runs]

    def fails(candidate: Plan) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        return attempt(candidate).check == check

    plan = _shorter(plan, fails)
    while plan.engines > 1 and fails(fewer := replace(plan, engines=plan.engines - 1)):
        plan = fewer
    while True:
        size = len(plan.faults) + len(plan.inputs)
        plan = _thinned(plan, "faults", fails)
        plan = _thinned(plan, "inputs", fails)
        if len(plan.faults) + len(plan.inputs) == size or left[0] <= 0:
            return plan


def _shorter(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """Cut off the end, as much as can be."""
    for share in (0.125, 0.25, 0.5, 0.75):
        ends_s = plan.duration_s * share
        shorter = replace(
            plan,
            duration_s=ends_s,
            inputs=tuple(each for each in plan.inputs if each.at_s < ends_s),
            faults=tuple(each for each in plan.faults if each.at_s < ends_s),
        )
        if fails(shorter):
            return shorter
    return plan


def _thinned(plan: Plan, name: Literal["faults", "inputs"], fails: Callable[[Plan], bool]) -> Plan:
    """Leave out halves, quarters and so on down to single items, wherever it fails without them too."""
    chunk = max(1, len(getattr(plan, name)) // 2)
    while chunk:
        start = 0
        while start < len(kept := getattr(plan, name)):
            changes: dict[str, Any] = {name: kept[:start] + kept[start + chunk :]}
            candidate = replace(plan, **changes)
            if fails(candidate):
                plan = candidate
            else:
                start += chunk
        chunk //= 2
    return plan


def report(seed: int, check: str, text: str) -> str:
    """A failure for a person: the seed, the smallest plan found, and how to run it again."""
    smallest = shrink(plans.draw(seed), check)
    again = attempt(smallest)
    return (
        f"seed {seed} fails: {text}\n\n"
        f"smallest plan found, which fails with: {again.text}\n{smallest}\n\n"
        f"again: ./dev simulate --from {seed} --seeds 1"
    )
