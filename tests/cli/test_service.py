"""The service as an operator meets it: preparing, stopping, standing by, scaling out, and being fed rubbish."""

import asyncio
import json
import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from engine.domain.inputs import ClockTicked, QuoteObserved
from engine.domain.instants import SECOND
from engine.wire.codec import encode_input
from engine.wire.topics import EVENTS, INPUTS, ORDERS, TOPICS
from tests.cli.stack import Service, inputs_end, logged, opened, outputs, wait_until, wait_until_taken, watermark
from tests.desk import MIDNIGHT, d
from tests.market import write_bars

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SETTINGS = """
partitions = 2
session_timeout_s = 1
dead_letter_limit = 50
[underlyings.TAO]
partition = 0
min_venues = 1
max_age_s = 600
[underlyings.BTC]
partition = 1
min_venues = 1
max_age_s = 600
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
seed_units = 100
[tokens.BTC2S]
underlying = "BTC"
multiplier = -2
seed_units = 100
"""


@pytest.fixture
def ready(service: Service) -> Service:
    service.config.write_text(SETTINGS)
    service.done("topics", "apply")
    return service


def send(service: Service, values: list[bytes], key: bytes = b"TAO", partition: int = 0) -> None:
    """Through another client than ours, as a stranger would."""
    producer = Producer({"bootstrap.servers": service.kafka})
    for value in values:
        producer.produce(INPUTS.name, value, key, partition)
    assert producer.flush(30) == 0


def quotes(count: int, underlying: str = "TAO", start_s: int = -100) -> list[bytes]:
    return [
        encode_input(QuoteObserved(underlying, "v", MIDNIGHT + (start_s + n) * SECOND, d(100 + n % 7), d(100 + n % 7)))
        for n in range(count)
    ]


def test_preparing_a_broker_is_done_once_and_can_be_repeated(service: Service) -> None:
    service.config.write_text(SETTINGS)
    assert "6 topics with 2 partitions, 2 of them new" in service.done("topics", "apply")
    assert "6 topics with 2 partitions, 0 of them new" in service.done("topics", "apply")
    assert (asyncio.run(inputs_end(service, 0)), asyncio.run(inputs_end(service, 1))) == (2, 2)
    service.config.write_text(SETTINGS.replace("partitions = 2", "partitions = 3"))
    refused = service.run("topics", "apply")
    assert refused.returncode == 3
    assert "has 2 partitions, the settings say 3" in refused.stderr
    assert service.run("run").stderr == "levtao: partitions: the settings say 3, Kafka has 2\n"


def test_an_engine_on_a_broker_nobody_prepared_says_what_to_do(service: Service) -> None:
    service.config.write_text(SETTINGS)
    refused = service.run("run")
    assert refused.returncode == 3
    assert refused.stderr == f"levtao: topic {INPUTS.name} is missing; `levtao topics apply` creates it\n"


def test_newer_terms_take_effect_and_the_same_ones_again_do_not(ready: Service) -> None:
    ready.config.write_text(
        SETTINGS.replace('underlying = "TAO"\n', 'underlying = "TAO"\nterms_version = 2\nmax_leverage = 5\n')
    )
    with ready.started("run"):
        ready.done("tokens", "apply")
        wait_until_taken(ready)
    changed = [event for event in asyncio.run(outputs(ready, EVENTS.name)) if event["type"] == "token_terms_changed"]
    refused = [event for event in asyncio.run(outputs(ready, EVENTS.name)) if event["type"] == "input_refused"]
    assert [event["terms_version"] for event in changed] == [1, 2]
    assert [(event["input_type"], event["reason"]) for event in refused] == [
        ("set_underlying_terms", "terms_version_not_newer")
    ]


def test_asked_to_stop_it_ends_the_batch_and_a_standby_goes_on_without_a_gap(ready: Service) -> None:
    send(ready, quotes(300))
    with ready.started("run") as first:
        wait_until_taken(ready)
        with ready.started("run"):
            send(ready, quotes(300, start_s=200))
            wait_until_taken(ready)
            first.send_signal(signal.SIGTERM)
            assert first.wait(20) == 0
            send(ready, quotes(300, start_s=500))
            wait_until_taken(ready)
    assert [line["cut_off"] for line in logged(ready, "revoked")].count(0) >= 1
    assert "902 inputs imply" in ready.done("verify")


def test_a_killed_engine_is_replaced_by_its_standby(ready: Service) -> None:
    first = ready.start("run")
    opened(ready, 2)
    with ready.started("run"):
        wait_until(lambda: len(logged(ready, "assigned")) >= 3, "the partitions are shared")
        first.kill()
        first.wait()
        for partition, underlying in enumerate(("TAO", "BTC")):
            send(ready, quotes(200, underlying), underlying.encode(), partition)
            wait_until_taken(ready, partition=partition)
    assert ready.done("verify").count("byte for byte") == 2


def test_two_engines_share_two_partitions_and_each_underlying_stays_on_its_own(ready: Service) -> None:
    with ready.started("run"), ready.started("run"):
        wait_until(
            lambda: sorted(len(line["partitions"]) for line in logged(ready, "assigned")[-2:]) == [1, 1],
            "each engine has one partition",
        )
        for partition, underlying in enumerate(("TAO", "BTC")):
            send(ready, quotes(500, underlying), underlying.encode(), partition)
        for partition in range(2):
            wait_until_taken(ready, partition=partition)
    for partition, underlying in enumerate(("TAO", "BTC")):
        orders = asyncio.run(outputs(ready, ORDERS.name, partition))
        assert {order["underlying"] for order in orders} == {underlying}
    assert ready.done("verify").count("byte for byte") == 2


def test_rubbish_between_good_inputs_changes_nothing_but_the_refusals(ready: Service) -> None:
    good = quotes(120)
    rubbish: list[tuple[bytes, bytes]] = [
        (b"TAO", b"\x00\xff"),
        (b"TAO", b"{"),
        (b"TAO", good[0].replace(b"quote_observed", b"quote_dreamt")),
        (b"TAO", good[0].replace(b'"version":1', b'"version":9')),
        (b"BTC", good[0]),
        (b"TAO", good[0].replace(b'"bid":"100"', b'"bid":"NaN"')),
        (b"TAO", good[0].replace(b'"bid":"100"', b'"bid":"-5"')),
        (b"TAO", good[0].replace(b'"bid":"100"', b'"bid":"0"')),
        (b"TAO", good[0].replace(b'"venue":"v"', b'"venue":"' + b"v" * 99 + b'"')),
        (b"DOGE", good[0].replace(b"TAO", b"DOGE")),
    ]
    decodable = [
        (good[5], "time_going_backwards"),
        (encode_input(QuoteObserved("TAO", "v", 2**52, d(1), d(1))), "time_in_future"),
        (encode_input(ClockTicked("TAO", 2**52)), "time_in_future"),
    ]
    for number in range(0, 120, 10):
        send(ready, good[number : number + 10])
        key, value = rubbish[number // 10 % len(rubbish)]
        send(ready, [value], key)
    for value, _ in decodable:
        send(ready, [value])
    with ready.started("run"):
        wait_until_taken(ready)
    with_rubbish = asyncio.run(outputs(ready, EVENTS.name))
    refused = [event["reason"] for event in with_rubbish if event["type"] == "input_refused"]
    assert refused == [reason for _, reason in decodable]
    letters = asyncio.run(outputs(ready, "levtao.deadletters.v1"))
    assert [letter["sequence"] for letter in letters] == list(range(1, 13))
    assert {letter["reason"] for letter in letters} == {
        "not_json", "unknown_type", "unknown_version", "wrong_key", "invalid_field", "unknown_underlying",
    }  # fmt: skip
    assert "byte for byte" in ready.done("verify")


def test_a_flood_of_rubbish_stops_the_service_loudly_and_leaves_the_topic_alone(ready: Service) -> None:
    send(ready, [*quotes(10), *[b"garbage"] * 200])
    for _ in range(2):
        stopped = ready.run("run", timeout_s=60)
        assert stopped.returncode == 3
        last = stopped.stderr.splitlines()[-1]
        assert last.startswith("levtao: levtao.inputs.v1/0: too many inputs are undecodable, the next at offset 62")
    assert asyncio.run(watermark(ready)) <= 62
    assert len(asyncio.run(outputs(ready, "levtao.deadletters.v1"))) == 50


def test_another_client_reads_committed_orders_with_keys_headers_and_gapless_sequences(
    ready: Service, tmp_path: Path
) -> None:
    path = write_bars(tmp_path / "bars.csv", 3, 4, crash_day=2)
    with ready.started("run"), ready.started("broker", "--latency-ms", 0, 1):
        ready.done("replay", path, "--speed", 50_000)
        wait_until_taken(ready)
    consumer = Consumer(
        {"bootstrap.servers": ready.kafka, "group.id": "desk", "isolation.level": "read_committed",
         "enable.partition.eof": True}
    )  # fmt: skip
    consumer.assign([TopicPartition(ORDERS.name, 0, 0)])
    sequences = []
    while (message := consumer.poll(10)) is not None and message.error() is None:
        headers = dict(message.headers() or [])
        order = json.loads(message.value() or b"")
        assert message.key() == b"TAO" == headers["ce_subject"]
        assert headers["ce_id"] == order["id"].encode()
        assert headers["ce_cause"] == order["cause"].encode()
        sequences.append(order["sequence"])
    consumer.close()
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 5


def test_every_topic_has_the_settings_of_the_table(ready: Service) -> None:
    admin = AdminClient({"bootstrap.servers": ready.kafka})
    asked = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in TOPICS]
    for resource, future in admin.describe_configs(asked).items():
        [topic] = [topic for topic in TOPICS if topic.name == resource.name]
        found = {name: entry.value for name, entry in future.result(30).items()}
        assert topic.config().items() <= found.items()
