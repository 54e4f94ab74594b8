"""Bare aiokafka: no transaction, no state kept anywhere. What the client alone costs."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from job import BROKER, OUT, TOPIC, Stopwatch, mid, moved


async def main() -> None:
    """Consume, decide, produce."""
    watch, last = Stopwatch(), dict[bytes, float]()
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=BROKER, group_id="bare", auto_offset_reset="earliest")
    async with consumer, AIOKafkaProducer(bootstrap_servers=BROKER) as producer:
        while True:
            batches = await consumer.getmany(timeout_ms=200, max_records=2_000)
            for record in (record for records in batches.values() for record in records):
                price = mid(record.value)
                if moved(last.get(record.key), price):
                    last[record.key] = price
                    await producer.send(OUT, str(price).encode(), key=record.key)
                if watch.note():
                    await producer.flush()
                    watch.stop()


asyncio.run(main())
