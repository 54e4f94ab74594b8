"""Bytewax, one worker, state in memory, no recovery store."""

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from job import BROKER, OUT, TOPIC, Stopwatch, mid, moved

watch = Stopwatch()


def decide(last: float | None, price: float) -> tuple[float | None, float | None]:
    """The price if it moved."""
    said = moved(last, price)
    if watch.note():
        watch.stop()
    return (price, price) if said else (last, None)


def keyed(message: KafkaSourceMessage[bytes, bytes]) -> tuple[str, float]:
    """By underlying."""
    return message.key.decode(), mid(message.value)


def sent(item: tuple[str, float]) -> KafkaSinkMessage[bytes, bytes]:
    """As bytes."""
    return KafkaSinkMessage(item[0].encode(), str(item[1]).encode())


flow = Dataflow("peer")
source = kop.input("in", flow, brokers=[BROKER], topics=[TOPIC], batch_size=2_000, tail=True)
prices = op.map("parse", source.oks, keyed)
said = op.filter_map("said", op.stateful_map("decide", prices, decide), lambda item: item if item[1] else None)
kop.output("out", op.map("message", said, sent), brokers=[BROKER], topic=OUT)
run_main(flow)
