"""Faust, with its in-memory table and its changelog, at least once."""

import sys

from job import BROKER, OUT, TOPIC, Stopwatch, mid, moved

sys.argv = ["faust_peer", "worker", "--loglevel", "error", "--web-port", "6066", "--without-web"]

import faust  # noqa: E402 - it reads the arguments when it is imported

app = faust.App("faustpeer", broker=f"kafka://{BROKER}", store="memory://", topic_partitions=1, web_enabled=False)
quotes = app.topic(TOPIC, value_serializer="json", key_type=bytes)
out = app.topic(OUT, value_serializer="json", key_type=bytes)
last = app.Table("last", default=float, partitions=1)
watch = Stopwatch()


@app.agent(quotes)
async def decide(stream) -> None:  # noqa: ANN001 - theirs
    """Say it when the price moved."""
    async for key, quote in stream.items():
        price, name = mid(quote), key.decode()
        if moved(last[name] or None, price):
            last[name] = price
            await out.send(key=key, value=price)
        if watch.note():
            watch.stop()


app.main()
