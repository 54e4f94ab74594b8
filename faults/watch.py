"""What a desk sees meanwhile: a committed reader of every output, and somebody who looks into Redis all the time.

What they saw is kept in short, and held against the end: nobody may ever have seen anything else.
"""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from queue import SimpleQueue
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from redis import Redis
from redis.exceptions import RedisError

from engine.wire.states import CHECKPOINT_KEY, Digest
from engine.wire.topics import ORDERS, TOPICS

PARTITIONS = 2
LOOK_S = 0.05
READ_SCRIPT = """
local prefix = string.sub(KEYS[1], 1, #KEYS[1] - 4)
local records = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  records[#records + 1] = {name, redis.call('HGETALL', prefix .. name)}
end
return {redis.call('HMGET', KEYS[1], 'next', 'digest'), records}
"""


def short(*parts: bytes | None) -> bytes:
    """What is remembered of some bytes."""
    sum_ = blake2b(digest_size=12)
    for part in parts:
        sum_.update(b"-" if part is None else b"%d:" % len(part) + part)
    return sum_.digest()


class Seen(NamedTuple):
    """Redis at one moment: its watermark, what its records sum up to, what it says they do, the numbers it shows."""

    next_offset: int
    digest: str
    claimed: str
    shown: dict[str, bytes]


class Watch(ABC):
    """A thread that watches until it is stopped."""

    def __post_init__(self) -> None:
        """Start the thread."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(30)

    @abstractmethod
    def _run(self) -> None:
        """Watch until `_stopping` is set."""


@dataclass
class OutputWatch(Watch):
    """A thread that reads every topic, committed records only, as they come."""

    bootstrap: str
    orders: SimpleQueue[dict[str, Any]] = field(default_factory=SimpleQueue)
    seen: dict[tuple[str, int], list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    committed: dict[int, int] = field(default_factory=dict)
    """Of each partition the input that is next by its last checkpoint."""
    _heard: dict[int, float] = field(default_factory=dict)
    _silence: dict[int, float] = field(default_factory=dict)

    def begin_listening(self) -> None:
        """Measure the silence from now on."""
        now = time.monotonic()
        self._heard = dict.fromkeys(range(PARTITIONS), now)
        self._silence = dict.fromkeys(range(PARTITIONS), 0.0)

    @property
    def silence_s(self) -> float:
        """The longest time between two transactions of a partition since."""
        return max(self._silence.values(), default=0.0)

    def _hear(self, number: int) -> None:
        now = time.monotonic()
        self._silence[number] = max(self._silence.get(number, 0.0), now - self._heard.get(number, now))
        self._heard[number] = now

    def _run(self) -> None:
        consumer = reader(self.bootstrap)
        consumer.assign([TopicPartition(topic.name, number, 0) for topic in TOPICS[1:] for number in range(PARTITIONS)])
        while not self._stopping.is_set():
            for message in consumer.consume(500, 0.1):
                if message.error() is not None:
                    continue
                topic, number = message.topic() or "", message.partition() or 0
                key, value = message.key(), message.value()
                self.seen[topic, number].append((message.offset() or 0, short(key, value)))
                if key == CHECKPOINT_KEY.encode():
                    self._hear(number)
                    self.committed[number] = json.loads(value or b"")["next_offset"]
                elif topic == ORDERS.name:
                    order = json.loads(value or b"")
                    if order["type"] == "order_sent" and order["fills"] == "reported":
                        self.orders.put(order)
        consumer.close()


@dataclass
class RedisWatch(Watch):
    """A thread that looks at the whole view of each partition again and again."""

    client: "Redis"
    seen: dict[int, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    watermark: dict[int, int] = field(default_factory=dict)

    def _run(self) -> None:
        while not self._stopping.is_set():
            for number in range(PARTITIONS):
                with suppress(RedisError, OSError):
                    self.look(number)
            time.sleep(LOOK_S)

    def look(self, number: int) -> None:
        """Note what is there now, if it is not what was there before."""
        keys = [f"levtao:{{{number}}}:{name}" for name in ("meta", "names")]
        (next_offset, claimed), found = self.client.eval(READ_SCRIPT, 2, *keys)
        if next_offset is None:
            self.watermark.pop(number, None)
            return
        digest, shown = Digest(), {}
        for name, flat in found:
            fields = {key.decode(): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
            digest.put(name.decode(), fields.pop("state", b""))
            shown[name.decode()] = short(fields["nav"]) if "nav" in fields else b""
        seen = Seen(int(next_offset), digest.text, claimed.decode(), shown)
        if not self.seen[number] or self.seen[number][-1] != seen:
            self.seen[number].append(seen)
        self.watermark[number] = seen.next_offset


def reader(bootstrap: str, **settings: Any) -> Consumer:
    """A client in no group that sees what is committed and nothing else."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "faults",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
            **settings,
        }
    )
