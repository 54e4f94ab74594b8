"""The faults. Each does its harm for a while, mends it and returns; what is random about it follows from the seed."""

import signal
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from faults.stack import SESSION_TIMEOUT_S, Engine, Stack

Fault = Callable[[Stack, Random], None]

SNAPSHOT_SCRIPT = """
local kept = {}
for _, key in ipairs(redis.call('KEYS', '*')) do kept[#kept + 1] = {key, redis.call('DUMP', key)} end
return kept
"""
SET_BACK_SCRIPT = """
redis.call('FLUSHALL')
for i = 1, #ARGV, 2 do redis.call('RESTORE', ARGV[i], 0, ARGV[i + 1]) end
"""


def engine_killed(stack: Stack, random: Random) -> None:
    """Kill -9 of one of two engines."""
    random.choice(stack.engines).kill()


def engines_killed(stack: Stack, random: Random) -> None:
    """Kill -9 of both, one shortly after the other."""
    first, second = random.sample(stack.engines, 2)
    first.kill()
    stack.hold(random.uniform(0, 0.5))
    second.kill()


def engine_killed_often(stack: Stack, random: Random) -> None:
    """Kill -9 of one engine after the other, each soon after it has come up."""
    for _ in range(4):
        random.choice(stack.engines).kill()
        stack.hold(random.uniform(1.5, 3))


def engine_frozen(stack: Stack, random: Random) -> None:
    """SIGSTOP of one engine beyond the session timeout: it wakes up as a zombie."""
    engine = random.choice(stack.engines)
    engine.send(signal.SIGSTOP)
    stack.hold(random.uniform(2, 3) * SESSION_TIMEOUT_S)
    engine.send(signal.SIGCONT)


def engine_frozen_far_away(stack: Stack, random: Random) -> None:
    """SIGSTOP of one engine for about the session timeout, Kafka far away: it wakes up while it is taken over."""
    engine = random.choice(stack.engines)
    for each in stack.engines:
        each.kafka.delay_s = random.uniform(0.05, 0.15)
    engine.send(signal.SIGSTOP)
    stack.hold(random.uniform(1.0, 1.6) * SESSION_TIMEOUT_S)
    engine.send(signal.SIGCONT)
    stack.hold(2.0)
    for each in stack.engines:
        each.kafka.delay_s = 0.0


def broker_killed(stack: Stack, random: Random) -> None:
    """Kill -9 of Kafka."""
    stack.broker.kill()
    stack.hold(random.uniform(0, 3))
    stack.broker.start()


def broker_frozen(stack: Stack, random: Random) -> None:
    """SIGSTOP of Kafka, for a moment or beyond the time a request is given (8 s)."""
    stack.broker.pause()
    stack.hold(random.choice((random.uniform(1, 4), random.uniform(9, 11))))
    stack.broker.resume()


def redis_killed(stack: Stack, random: Random) -> None:
    """Kill -9 of Redis."""
    stack.redis.kill()
    stack.hold(random.uniform(0, 3))
    stack.redis.start()


def redis_frozen(stack: Stack, random: Random) -> None:
    """SIGSTOP of Redis, for a moment or beyond the time a call is given (5 s)."""
    stack.redis.pause()
    stack.hold(random.choice((random.uniform(1, 3), random.uniform(5.5, 7))))
    stack.redis.resume()


def redis_flushed(stack: Stack, random: Random) -> None:
    """FLUSHALL, three times."""
    for _ in range(3):
        stack.client().flushall()
        stack.hold(random.uniform(0, 1))


def redis_set_back(stack: Stack, random: Random, killed: Iterable[Engine] = ()) -> None:
    """Redis is what it was some seconds ago, as after a failover."""
    kept: Any = stack.client().eval(SNAPSHOT_SCRIPT, 0)
    stack.hold(random.uniform(1, 3))
    for engine in killed:
        engine.kill()
    stack.client().eval(SET_BACK_SCRIPT, 0, *[part for entry in kept for part in entry])


def redis_disk_full(stack: Stack, random: Random) -> None:
    """No file of Redis may grow: its append-only file cannot be written, and it refuses writes."""
    stack.redis.fill_disk()
    stack.hold(random.uniform(3, 5))
    stack.redis.free_disk()


def redis_memory_full(stack: Stack, random: Random) -> None:
    """Maxmemory below what is used, with noeviction: writes are refused."""
    stack.client().config_set("maxmemory", 1)
    stack.hold(random.uniform(2, 4))
    stack.client().config_set("maxmemory", 0)


def redis_flushed_engine_killed(stack: Stack, random: Random) -> None:
    """FLUSHALL, and both engines killed within 150 ms."""
    stack.client().flushall()
    for engine in random.sample(stack.engines, 2):
        stack.hold(random.uniform(0, 0.15))
        engine.kill()


def redis_set_back_engine_killed(stack: Stack, random: Random) -> None:
    """Redis is set back while both engines are dead."""
    redis_set_back(stack, random, killed=stack.engines)


def servers_killed(stack: Stack, random: Random) -> None:
    """Kill -9 of Kafka and Redis at once."""
    stack.broker.kill()
    stack.redis.kill()
    stack.hold(random.uniform(0, 3))
    stack.redis.start()
    stack.broker.start()


def broker_frozen_engines_killed(stack: Stack, random: Random) -> None:
    """Both engines are killed while Kafka is frozen: they die in the middle of a commit."""
    stack.broker.pause()
    stack.hold(random.uniform(1, 3))
    for engine in stack.engines:
        engine.kill()
    stack.broker.resume()


def engine_cut_off(stack: Stack, random: Random) -> None:
    """One engine has no way to Kafka any more, the other has."""
    engine = random.choice(stack.engines)
    engine.kafka.cut = True
    stack.hold(random.uniform(1, 3) * SESSION_TIMEOUT_S)
    engine.kafka.cut = False


def engine_unheard(stack: Stack, random: Random) -> None:
    """One engine's calls to Kafka and their answers are stuck on the way, and all arrive in the end, late."""
    engine = random.choice(stack.engines)
    engine.kafka.stalled = True
    stack.hold(random.choice((random.uniform(1, 3) * SESSION_TIMEOUT_S, random.uniform(8.5, 10))))
    engine.kafka.stalled = False


def commits_late(stack: Stack, random: Random) -> None:
    """Calls that end transactions lose their connections and arrive late; Kafka is so far away that it matters."""
    for engine in stack.engines:
        engine.kafka.delay_s, engine.kafka.commits_late_s = random.uniform(0.01, 0.05), random.uniform(0.05, 0.3)
    stack.hold(random.uniform(3, 5))
    for engine in stack.engines:
        engine.kafka.delay_s, engine.kafka.commits_late_s = 0.0, 0.0


def network_slow(stack: Stack, random: Random) -> None:
    """Everything between the engines and the servers takes up to a quarter of a second longer, each way."""
    delay_s = random.uniform(0.05, 0.25)
    ways = [way for engine in stack.engines for way in (engine.kafka, engine.redis)]
    for way in ways:
        way.delay_s = delay_s
    stack.hold(random.uniform(4, 6))
    for way in ways:
        way.delay_s = 0.0


def network_slow_engines_killed(stack: Stack, random: Random) -> None:
    """Kafka is far away, and both engines are killed: with transactions half said."""
    delay_s = random.uniform(0.05, 0.25)
    for engine in stack.engines:
        engine.kafka.delay_s = delay_s
    stack.hold(random.uniform(2, 4))
    for engine in stack.engines:
        engine.kill()
        engine.kafka.delay_s = 0.0


def redis_cut_off(stack: Stack, random: Random) -> None:
    """The engines have no way to Redis any more; then one that swallows everything for a while."""
    for engine in stack.engines:
        engine.redis.cut = True
    stack.hold(random.uniform(1, 2))
    for engine in stack.engines:
        engine.redis.cut, engine.redis.stalled = False, True
    stack.hold(random.uniform(1, 6))
    for engine in stack.engines:
        engine.redis.stalled = False


def inputs_flooded(stack: Stack, random: Random) -> None:
    """Hundreds of duplicates and every kind of poison at once, and an engine killed over it."""
    stack.burst()
    stack.hold(random.uniform(0, 0.3))
    random.choice(stack.engines).kill()


def clocks_stepped(stack: Stack, random: Random) -> None:
    """The wall clocks of Kafka and of the engines leap by up to an hour, each by itself, and back."""
    clocks = [stack.broker_clock, *(engine.clock for engine in stack.engines)]
    for clock in clocks:
        clock.step(random.randint(-3_600, 3_600))
    stack.hold(random.uniform(2, 4))
    for clock in clocks:
        clock.step(0)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        engine_killed, engines_killed, engine_killed_often, engine_frozen, engine_frozen_far_away, engine_cut_off,
        engine_unheard, commits_late,
        broker_killed, broker_frozen, broker_frozen_engines_killed,
        redis_killed, redis_frozen, redis_flushed, redis_set_back, redis_disk_full, redis_memory_full, redis_cut_off,
        redis_flushed_engine_killed, redis_set_back_engine_killed,
        servers_killed, network_slow, network_slow_engines_killed, clocks_stepped, inputs_flooded,
    )
}  # fmt: skip
