"""A campaign: a seed, a schedule of faults, a service that is never left alone, and the proof at the end."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from faults.catalogue import FAULTS
from faults.check import Checked, PartitionCheck, WrongError
from faults.feed import Feed
from faults.stack import DEAD_LETTERS, PAUSE_S, Stack
from faults.watch import PARTITIONS, OutputWatch, RedisWatch

RECOVERED_WITHIN_S = 90.0
WARM_S = 1.0
CALM_S = 6.0


@dataclass(frozen=True, slots=True)
class Suffered:
    """A fault, and how long after it was mended fresh inputs were in the outputs and in Redis."""

    fault: str
    at_s: float
    lasted_s: float
    recovered_s: float | None
    silence_s: float
    """The longest time meanwhile in which some partition said nothing."""


@dataclass(slots=True)
class Outcome:
    """What a campaign found."""

    suffered: list[Suffered] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def schedule(random: Random, faults: Sequence[str]) -> Iterator[str]:
    """Every fault once in random order, then again, without end."""
    while faults:
        yield from random.sample(list(faults), len(faults))


@dataclass
class Fresh:
    """Whether an input sent after `since` is in the outputs and in Redis, on every partition."""

    feed: Feed
    outputs: OutputWatch
    looks: RedisWatch

    def __post_init__(self) -> None:
        """Begin now."""
        self._since = time.monotonic()
        self._targets: dict[int, int] = {}

    def __call__(self) -> bool:
        """Look once more."""
        for number in range(PARTITIONS):
            handed, offset = self.feed.taken.get(number, (0.0, 0))
            if handed >= self._since:
                self._targets.setdefault(number, offset)
        return len(self._targets) == PARTITIONS and all(
            min(self.outputs.committed.get(number, 0), self.looks.watermark.get(number, 0)) > target
            for number, target in self._targets.items()
        )


@dataclass
class Campaign:
    """One run in a folder of its own."""

    folder: Path
    seed: int
    faults: Sequence[str]
    minutes: float = 0.0
    """At least so long; every fault comes at least once."""
    mutant: str | None = None
    say: Callable[[str], None] = print

    def run(self) -> Outcome:
        """Do it all; whatever is wrong is in the outcome."""
        outcome = Outcome()
        random = Random(self.seed)
        with Stack(self.folder, self.mutant) as stack:
            outputs = OutputWatch(stack.broker.bootstrap)
            looks = RedisWatch(stack.client())
            feed = Feed(stack.broker.bootstrap, self.seed, outputs.orders)
            stack.burst = feed.burst
            feed.start()
            try:
                self._suffer(stack, random, outcome, outputs, lambda: Fresh(feed, outputs, looks))
            finally:
                feed.stop()
            self._settle(stack, outcome, outputs, looks, feed)
            stack.stop_engines()
            outputs.stop()
            looks.stop()
            outcome.problems = [*stack.problems, *outcome.problems, *feed.problems, *stack.errors()]
            for number in range(PARTITIONS):
                check = PartitionCheck(stack.broker.bootstrap, number, DEAD_LETTERS, outputs.seen, looks.seen[number])
                try:
                    outcome.checked.append(check.run())
                except WrongError as wrong:
                    outcome.problems.append(str(wrong))
        return outcome

    def _suffer(
        self, stack: Stack, random: Random, outcome: Outcome, outputs: OutputWatch, fresh: Callable[[], Fresh]
    ) -> None:
        """One fault after the other; the next begins when the service has recovered, and a little later."""
        begun = time.monotonic()
        if _seconds_until(stack, fresh()) is None:
            outcome.problems.append(f"nothing was taken within {RECOVERED_WITHIN_S:.0f} s of the start")
            return
        if not self.faults:
            stack.hold(CALM_S)
        for number, fault in enumerate(schedule(random, self.faults)):
            if number >= len(self.faults) and time.monotonic() - begun > self.minutes * 60:
                return
            stack.hold(random.uniform(0, WARM_S))
            at = time.monotonic()
            outputs.begin_listening()
            FAULTS[fault](stack, random)
            lasted = time.monotonic() - at
            recovered = _seconds_until(stack, fresh())
            outcome.suffered.append(Suffered(fault, at - begun, lasted, recovered, outputs.silence_s))
            within = "not recovered" if recovered is None else f"recovered within {recovered:.1f} s"
            self.say(f"{at - begun:7.1f} s  {fault:30} {lasted:5.1f} s  {within}, silent for {outputs.silence_s:.1f} s")
            if recovered is None:
                outcome.problems.append(f"{fault}: not recovered within {RECOVERED_WITHIN_S:.0f} s")
                return

    def _settle(self, stack: Stack, outcome: Outcome, outputs: OutputWatch, looks: RedisWatch, feed: Feed) -> None:
        """Until every input is in the outputs and in Redis."""

        def settled() -> bool:
            ends = {number: offset + 1 for number, (_, offset) in feed.taken.items()}
            return outputs.committed == ends == looks.watermark

        if _seconds_until(stack, settled) is None:
            outcome.problems.append(f"not every input was taken within {RECOVERED_WITHIN_S:.0f} s of the end")


def _seconds_until(stack: Stack, holds: Callable[[], bool]) -> float | None:
    """How long it takes until `holds` does; None if it is too long, or an engine has given up."""
    begun = time.monotonic()
    while not holds():
        if stack.problems or time.monotonic() - begun > RECOVERED_WITHIN_S:
            return None
        stack.tend()
        time.sleep(PAUSE_S)
    return time.monotonic() - begun
