"""What can go wrong, as a list: drawn from the seed, shortened when a failure is shrunk."""

from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

Act: TypeAlias = Literal[
    "crash",
    "pause",
    "refuse",
    "unknown",
    "late",
    "cut",
    "redis_down",
    "redis_slow",
    "redis_flush",
    "redis_set_back",
    "reassign",
    "duel",
]

CALLS = ("open", "read", "commit", "append", "view", "poll")
"""What a process asks of the outside."""

SIDES = ("before", "sent", "after")
"""Where in a call a process can be struck: nothing has happened yet, it is on its way, the answer is there."""

ENGINE_CALLS = ("open", "read", "read", "commit", "commit", "commit", "view", "view", "poll")
LASTS_S = (0.05, 1.0, 7.0, 30.0, 200.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: from `at_s` on, when `who` next comes by `point`; without a point at once.

    crash: the process is gone with its memory, another is started after `lasts_s`.
    pause: the process stands still for `lasts_s`, its timers too.
    refuse: the call fails and nothing has happened. unknown: it has happened, but the answer is an error.
    late: the answer is an error, and it happens `lasts_s` later.
    cut: for `lasts_s` the process reaches neither log nor Redis.
    redis_...: Redis is gone or answers too late for `lasts_s`; is emptied; is set back some writes.
    reassign: the group deals its partitions anew. duel: for `lasts_s` everybody is given all of them.
    """

    at_s: float
    act: Act
    who: str = ""
    point: str = ""
    lasts_s: float = 0.0


def draw(random: Random, duration_s: float, engines: list[str], others: list[str]) -> list[Fault]:
    """A bad day: now and then only one kind of fault, else all of them together."""
    kinds = ["process", "process", "call", "call", "redis", "group"]
    only = random.choice([*kinds, None, None, None, None])
    faults = []
    for _ in range(random.choice([0, 2, 4, 8, 16])):
        at_s = round(random.uniform(0, duration_s), 3)
        faults.append(_draw(random, only or random.choice(kinds), at_s, engines, others))
    if random.random() < 0.3 and faults:
        # Faults are worst together: a second one close behind some of the first.
        again = [_draw(random, random.choice(kinds), each.at_s + random.choice([0, 0.2, 5]), engines, others)
                 for each in faults[:3]]  # fmt: skip
        faults += again
    return sorted(faults, key=lambda each: each.at_s)


def _draw(random: Random, kind: str, at_s: float, engines: list[str], others: list[str]) -> Fault:
    lasts_s = random.choice(LASTS_S)
    who = random.choice([*engines, *engines, *others])
    calls = ENGINE_CALLS if who in engines else ("read", "append")
    match kind:
        case "process":
            act: Act = random.choice(["crash", "crash", "pause", "pause", "cut"])
            point = random.choice(["", f"{random.choice(calls)}.{random.choice(SIDES)}"])
            return Fault(at_s, act, who, "" if act == "cut" else point, lasts_s)
        case "call":
            call_act: Act = random.choice(["refuse", "unknown", "late"])
            return Fault(at_s, call_act, who, random.choice(calls), lasts_s)
        case "redis":
            redis_act: Act = random.choice(["redis_down", "redis_slow", "redis_flush", "redis_set_back"])
            return Fault(at_s, redis_act, lasts_s=min(lasts_s, 30.0))
        case _:
            return Fault(at_s, random.choice(["reassign", "duel"]), lasts_s=lasts_s)
