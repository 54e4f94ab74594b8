"""What goes in: prices, ticks, signals, creations and redemptions, reports of fills; among it poison and duplicates.

Through another client than ours. What is sent follows from the seed; which of it is sent when does not, and need not:
the log says what was taken in which order, and the check starts from the log.
"""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from engine.wire.topics import INPUTS

UNDERLYINGS = ("TAO", "BTC")
TOKENS = {"TAO": ("TAO3L", "TAO2S", "TAO2L"), "BTC": ("BTC3L", "BTC2S", "BTC5L")}
RATE = 300
BURST = 400
REMEMBERED = 400
WHO = {"by": "faults", "reason": "faults"}
POISON = (
    b"",
    b"\x00\xff",
    b"{",
    b"[" * 2_000,
    b'{"type":"quote_dreamt","version":1,"underlying":"TAO"}',
    b'{"type":"clock_ticked","version":9,"underlying":"TAO","time":"2026-01-01T00:00:00Z"}',
    b'{"type":"quote_observed","version":1,"underlying":"TAO","venue":"v","time":"x","bid":"NaN","ask":"-1"}',
    b'{"type":"clock_ticked","version":1,"underlying":"DOGE","time":"2026-01-01T00:00:00Z"}',
    b'"' + b"x" * 70_000 + b'"',
)


@dataclass
class Feed:
    """A thread that sends until it is stopped."""

    bootstrap: str
    seed: int
    orders: SimpleQueue[dict[str, Any]]
    """Orders as a committed reader sees them; they are filled."""
    taken: dict[int, tuple[float, int]] = field(default_factory=dict)
    """Of each partition the last input the broker has: when it was handed over, and its offset."""
    sent: int = 0
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare; nothing is sent yet."""
        self._random = Random(self.seed)
        self._prices = {"TAO": 350.0, "BTC": 60_000.0}
        self._numbers = dict.fromkeys(UNDERLYINGS, 0)
        self._recent: dict[str, deque[bytes]] = {name: deque(maxlen=REMEMBERED) for name in UNDERLYINGS}
        self._due: list[tuple[float, str, bytes]] = []
        self._burst = False
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.timeout.ms": 600_000,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        for name in UNDERLYINGS:
            entitlements = [{"token": token} for token in TOKENS[name]]
            self._send(name, "set_participant", participant="alpha", active=True, entitlements=entitlements, **WHO)
        self._thread.start()

    def stop(self) -> None:
        """Stop, once the broker has everything."""
        self._stopping.set()
        self._thread.join(30)
        if self._producer.flush(60):
            self.problems.append("the broker did not take what was sent")

    def burst(self) -> None:
        """Soon send a lot of what was sent already, and poison."""
        self._burst = True

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self._producer.poll(0)
            self._report()
            now = time.monotonic()
            due = max(due, now - 1)
            while due <= now:
                due += 1 / RATE
                self._one(self._random.choice(UNDERLYINGS))
            if self._burst:
                self._burst = False
                self._flood()
            time.sleep(0.5 / RATE)

    def _one(self, name: str) -> None:
        """One input, mostly a price."""
        chance = self._random.random()
        if chance < 0.70:
            self._prices[name] *= 1 + self._random.gauss(0, 0.0004) + 0.01 * (self._random.random() < 0.01)
            self._prices[name] *= 1 - 0.01 * (self._random.random() < 0.01)
            price = f"{self._prices[name]:.2f}"
            self._send(name, "quote_observed", venue="v", time=_now(), bid=price, ask=price)
        elif chance < 0.90:
            self._send(name, "signal_observed", kind="volume", source="faults", text=f"{self._random.random()}")
        elif chance < 0.92:
            self._send(name, "clock_ticked", time=_now())
        elif chance < 0.925:
            self._bytes(name, self._random.choice(POISON))
        elif chance < 0.985:
            self._bytes(name, self._random.choice(self._recent[name]))
        else:
            self._request(name)

    def _flood(self) -> None:
        for name in UNDERLYINGS:
            for _ in range(BURST):
                self._bytes(name, self._random.choice(self._recent[name]))
            for value in POISON:
                self._bytes(name, value)

    def _request(self, name: str) -> None:
        """A creation that is paid for, once or twice, or a redemption."""
        self._numbers[name] += 1
        asked = {"participant": "alpha", "token": self._random.choice(TOKENS[name]), "region": "EU"}
        number = f"{self.seed}-{self._numbers[name]}"
        asked |= {"request_id": number, "settlement": "custodial"}
        units = str(self._random.randint(1, 20))
        if self._random.random() < 0.7:
            self._send(name, "creation_requested", units=units, **asked)
            cash = {"request_id": number, "delivery_id": f"d-{number}", "amount": str(int(units) * 150)}
            for _ in range(self._random.choice((0, 1, 1, 2))):
                self._send(name, "cash_delivered", **cash)
        else:
            self._send(name, "redemption_requested", units=units, **asked)
            self._send(name, "units_locked", request_id=number, units=units)

    def _report(self) -> None:
        """Fill what was ordered: soon, in pieces, some of it twice, some of it again much later."""
        now = time.monotonic()
        try:
            while True:
                self._plan(self.orders.get_nowait(), now)
        except Empty:
            pass
        for when, name, value in [report for report in self._due if report[0] <= now]:
            self._due.remove((when, name, value))
            self._bytes(name, value)

    def _plan(self, order: dict[str, Any], now: float) -> None:
        name, order_id, quantity = order["underlying"], order["order_id"], order["quantity"]
        about = {"version": 1, "underlying": name, "order_id": order_id}
        if self._random.random() < 0.1:
            end = json.dumps({"type": "order_end_reported", "outcome": "rejected", **about}).encode()
            self._due.append((now, name, end))
            return
        fill = {"fill_id": f"{order_id}/0", "quantity": quantity, "price": order["decision_price"], "commission": "0"}
        value = json.dumps({"type": "fill_reported", **about, **fill}).encode()
        at = now + self._random.uniform(0, 0.2)
        again = [self._random.uniform(0, 0.5)] * (self._random.random() < 0.3)
        again += [self._random.uniform(2, 10)] * (self._random.random() < 0.3)
        self._due += [(at + later, name, value) for later in (0.0, *again)]

    def _send(self, underlying: str, what: str, **fields: Any) -> None:
        given = {"type": what, "version": 1, "underlying": underlying} | fields
        self._bytes(underlying, json.dumps(given).encode())

    def _bytes(self, underlying: str, value: bytes) -> None:
        self._recent[underlying].append(value)
        since = time.monotonic()

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self.problems.append(f"an input was not taken: {error}")
                return
            self.taken[message.partition() or 0] = since, message.offset() or 0

        self.sent += 1
        self._producer.produce(
            INPUTS.name, value, underlying.encode(), UNDERLYINGS.index(underlying), on_delivery=delivered
        )


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
