"""Quote in to order visible: 1,000 quotes a second, one order for every hundred of them.

A token's limits are tight and every hundredth quote steps over one of them, so it is that quote that orders. The engine
is a process of its own; quotes are sent and orders read here, by another client library, read_committed.
"""

import json
import subprocess
import sys
import time
from decimal import Decimal
from statistics import quantiles

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.servers import kafka_server, valkey_server
from engine.domain.inputs import QuoteObserved
from engine.domain.instants import parse_instant
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS, ORDERS

SETTINGS = """
[underlyings.TAO]
partition = 0
min_venues = 1
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
seed_units = 1000
max_leverage = "3.01"
min_leverage = "2.99"
fills = "assumed"
"""
EVERY = 100
WARM_UP_S = 20
"""A broker just started compiles its code for so long, on the cores the engine runs on."""


def _drive(bootstrap: str, count: int, rate: int) -> list[float]:
    """Send at the rate, and note for each order how long after its quote it was readable."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "acks": "all"})
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5,
        }
    )
    consumer.assign([TopicPartition(ORDERS.name, 0, OFFSET_END)])
    consumer.poll(1.0)
    sent: dict[int, float] = {}
    latencies: list[float] = []
    base = time.time_ns() // 1000
    started = time.perf_counter()
    number = 0
    while number < count or (len(latencies) < count // EVERY - 1 and time.perf_counter() - started < count / rate + 10):
        due = started + number / rate
        wait = due - time.perf_counter() if number < count else 0.01
        time.sleep(max(0.0, wait))  # polling for less than a millisecond would spin on one of the cores
        message = consumer.poll(0.0)
        if message is not None and message.error() is None:
            order = json.loads(message.value() or b"")
            latencies.append(time.perf_counter() - sent[parse_instant(order["time"])])
        if number < count and time.perf_counter() >= due:
            price = Decimal("100.00") if number // EVERY % 2 else Decimal("101.00")
            quote = QuoteObserved("TAO", "v", base + round(number / rate * 1e6), price, price)
            sent[quote.time] = time.perf_counter()
            producer.produce(INPUTS.name, encode_input(quote), b"TAO", 0)
            producer.poll(0)
            number += 1
    consumer.close()
    producer.flush(5)
    return latencies


def run(seconds: int = 30, rate: int = 1_000) -> None:
    """Print the distribution."""
    with kafka_server() as kafka, valkey_server() as valkey:
        config = kafka.directory / "levtao.toml"
        config.write_text(SETTINGS)
        reach = ["--config", str(config), "--kafka", kafka.bootstrap, "--redis", valkey.url]
        levtao = [sys.executable, "-m", "levtao"]
        subprocess.run([*levtao, "topics", "apply", *reach], check=True, capture_output=True)
        engine = subprocess.Popen([*levtao, "run", *reach], stderr=subprocess.DEVNULL)
        try:
            time.sleep(4)
            _drive(kafka.bootstrap, rate * WARM_UP_S, rate)
            latencies = _drive(kafka.bootstrap, rate * seconds, rate)
        finally:
            engine.terminate()
            engine.wait()
    cuts = quantiles(latencies, n=100)
    print(f"## Quote in to order visible, {rate:,} quotes/s, one order per {EVERY} quotes")
    print(f"{seconds} s, after {WARM_UP_S} s to warm up\n")
    print("| orders | p50 | p90 | p99 | worst |\n| --- | --- | --- | --- | --- |")
    shown = (cuts[49], cuts[89], cuts[98], max(latencies))
    print(f"| {len(latencies)} | " + " | ".join(f"{value * 1000:.1f} ms" for value in shown) + " |\n")
