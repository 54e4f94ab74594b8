"""Quix Streams, exactly once, state in RocksDB with its changelog."""

import tempfile

from job import BROKER, OUT, TOPIC, Stopwatch, mid, moved
from quixstreams import Application

watch = Stopwatch()


def decide(value: dict[str, str], state) -> float | None:  # noqa: ANN001 - theirs
    """The price if it moved."""
    price = mid(value)
    said = moved(state.get("last"), price)
    if said:
        state.set("last", price)
    if watch.note():
        watch.stop()
    return price if said else None


with tempfile.TemporaryDirectory() as folder:
    app = Application(
        broker_address=BROKER,
        consumer_group="quix",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=folder,
        loglevel="ERROR",
    )
    frame = app.dataframe(app.topic(TOPIC, value_deserializer="json"))
    frame = frame.apply(decide, stateful=True).filter(lambda price: price is not None)
    frame.to_topic(app.topic(OUT, value_serializer="double"))
    app.run()
