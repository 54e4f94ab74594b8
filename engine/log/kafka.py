"""The log on Kafka, through aiokafka. Every await has a deadline; whatever is unclear is a LogError."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    IllegalOperation,
    KafkaError,
    OffsetOutOfRangeError,
    ProducerFenced,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from engine.log import single_shot
from engine.log.port import Entry, FencedError, LogError, OffsetGoneError, Partitions, Record

REQUEST_TIMEOUT_MS = 8_000
TRANSACTION_TIMEOUT_MS = 30_000
COMMIT_DEADLINE_S = 20.0
CLOSE_DEADLINE_S = 3.0
OPEN_DEADLINE_S = 20.0
MAX_BATCH_BYTES = 512 << 10
MAX_REQUEST_BYTES = 32 << 20
FETCH_BYTES = 2 << 20
CREATED_POLL_S = 0.1
CREATED_POLLS = 50

single_shot.apply()


def _is_cancelled() -> bool:
    """Whether this task itself is to end.

    aiokafka now and then raises the cancellation of its own tasks. A lane that took it for its own would be gone
    without a word: it happened when a broker was killed during a commit.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextmanager
def _clear(deed: str) -> Iterator[None]:
    """Turn whatever aiokafka or a deadline raises into the errors of the port."""
    try:
        yield
    except LogError:
        raise
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        raise LogError(f"{deed}: the client gave up") from error
    except ProducerFenced as error:
        raise FencedError(f"{deed}: another process has taken over") from error
    except OffsetOutOfRangeError as error:
        raise OffsetGoneError(f"{deed}: {error}") from error
    except (KafkaError, IllegalOperation, TimeoutError, OSError) as error:
        raise LogError(f"{deed}: {error!r}") from error


async def _start(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Start a client. A start that is cancelled may end by itself: cut off, it would leave a connection open."""
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    finally:
        await asyncio.wait([starting], timeout=CLOSE_DEADLINE_S)
        starting.cancel()
        starting.add_done_callback(single_shot.look_at)


async def _close(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Stop a client, but not for ever: a dead broker must not hold us.

    Where its own cancellation has stopped the stopping, its connections are still to be closed.
    """
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            try:
                await client.stop()
            except asyncio.CancelledError:
                if _is_cancelled():
                    raise
                connections = client.client if isinstance(client, AIOKafkaProducer) else client._client  # noqa: SLF001
                await connections.close()


class KafkaReader:
    """A consumer without a group, on one partition."""

    def __init__(self, consumer: AIOKafkaConsumer, topic_partition: TopicPartition) -> None:
        """Wrap a started consumer that is assigned the partition."""
        self._consumer = consumer
        self._at = topic_partition
        self.position = 0

    async def read(self, max_records: int, wait_s: float) -> Sequence[Record]:
        """See the port."""
        with _clear(f"reading {self._at.topic}/{self._at.partition}"):
            async with asyncio.timeout(wait_s + REQUEST_TIMEOUT_MS / 1000):
                fetched = await self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=max_records)
                self.position = await self._consumer.position(self._at)
        return [
            Record(record.offset, record.timestamp, record.key, record.value, record.headers)
            for record in fetched.get(self._at, ())
        ]

    def seek(self, offset: int) -> None:
        """See the port."""
        self._consumer.seek(self._at, offset)
        self.position = offset

    async def begin(self) -> int:
        """See the port."""
        with _clear(f"finding the beginning of {self._at.topic}/{self._at.partition}"):
            async with asyncio.timeout(OPEN_DEADLINE_S):
                return int((await self._consumer.beginning_offsets([self._at]))[self._at])

    async def end(self) -> int:
        """See the port."""
        with _clear(f"finding the end of {self._at.topic}/{self._at.partition}"):
            async with asyncio.timeout(OPEN_DEADLINE_S):
                return int((await self._consumer.end_offsets([self._at]))[self._at])


class KafkaWriter:
    """An idempotent producer. Callers take turns handing batches over: aiokafka lets them starve each other."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        """Wrap a started producer."""
        self._producer = producer
        self._turn = asyncio.Lock()

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int | None:
        """See the port. A broker that was handed a batch twice no longer knows where it is."""
        with _clear(f"writing {topic}/{partition}"):
            async with asyncio.timeout(COMMIT_DEADLINE_S):
                async with self._turn:
                    sent = await _send(self._producer, topic, partition, entries)
                await _settled(sent)
        first = int(sent[0].result().offset) if sent else -1
        return first if first >= 0 else None


class KafkaTransactor:
    """A transactional producer."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        """Wrap a started producer."""
        self._producer = producer

    async def commit(self, partition: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        """See the port. Every future is awaited before the commit: aiokafka commits over a failed batch."""
        with _clear(f"committing to partition {partition}"):
            async with asyncio.timeout(COMMIT_DEADLINE_S):
                await self._producer.begin_transaction()
                sent: dict[str, list[asyncio.Future[Any]]] = {}
                try:
                    for topic, entries in batches.items():
                        if entries:
                            sent[topic] = await _send(self._producer, topic, partition, entries)
                except IllegalOperation:  # the transaction has failed meanwhile: its batches say why
                    await _settled([future for futures in sent.values() for future in futures])
                    raise
                await _settled([future for futures in sent.values() for future in futures])
                await self._producer.commit_transaction()
        offsets = {topic: int(futures[0].result().offset) for topic, futures in sent.items()}
        if any(offset < 0 for offset in offsets.values()):
            raise LogError(f"committing to partition {partition}: the broker does not say at which offset")
        return offsets


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Passes a group's decisions on, and keeps its consumer from fetching: lanes read for themselves."""

    def __init__(self, partitions: Partitions, consumer: AIOKafkaConsumer) -> None:
        self.partitions = partitions
        self.consumer = consumer
        self.failure: BaseException | None = None

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        try:
            await self.partitions.revoked()
        except Exception as error:  # noqa: BLE001 - aiokafka swallows it here; `poll` raises it
            self.failure = error

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self.consumer.pause(*assigned)
        self.partitions.assigned(frozenset(topic_partition.partition for topic_partition in assigned))


class KafkaMember:
    """A consumer in a group, which never consumes: it says which partitions are this process's."""

    def __init__(self, consumer: AIOKafkaConsumer, listener: _Listener) -> None:
        """Wrap a started consumer."""
        self._consumer = consumer
        self._listener = listener

    async def poll(self, wait_s: float) -> None:
        """See the port."""
        with _clear("staying in the group"):
            async with asyncio.timeout(wait_s + REQUEST_TIMEOUT_MS / 1000):
                await self._consumer.getmany(timeout_ms=int(wait_s * 1000))
        if self._listener.failure is not None:
            raise self._listener.failure

    async def confirm(self) -> None:
        """See the port. aiokafka keeps failed heartbeats to itself; a commit is answered, and to a member only."""
        with _clear("asking the group"):
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await self._consumer.commit({min(self._consumer.assignment()): 0})

    async def note_progress(self, offsets: Mapping[int, int]) -> None:
        """See the port."""
        mine = self._consumer.assignment()
        commit = {at: offsets[at.partition] for at in mine if at.partition in offsets}
        if commit:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                    await self._consumer.commit(commit)


@dataclass(frozen=True, slots=True)
class KafkaLog:
    """Kafka at `bootstrap`."""

    bootstrap: str
    client_id: str = "levtao"
    session_timeout_s: float = 10.0
    """How long a member of a group may be silent before its partitions go to another."""

    @asynccontextmanager
    async def reader(self, topic: str, partition: int, offset: int | None) -> AsyncIterator[KafkaReader]:
        """See the port."""
        consumer = self._consumer(None)
        at = TopicPartition(topic, partition)
        try:
            with _clear(f"opening {topic}/{partition}"):
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    await _start(consumer)
                    consumer.assign([at])
                    # A client stopped before its own tasks have begun raises their cancellation as if it were ours.
                    await asyncio.sleep(0)
            reader = KafkaReader(consumer, at)
            reader.seek(await reader.begin() if offset is None else offset)
            yield reader
        finally:
            await _close(consumer)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[KafkaWriter]:
        """See the port."""
        producer = self._producer(None)
        try:
            with _clear("opening a writer"):
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    await _start(producer)
            yield KafkaWriter(producer)
        finally:
            await _close(producer)

    @asynccontextmanager
    async def transactor(self, identity: str) -> AsyncIterator[KafkaTransactor]:
        """See the port. Starting waits until whatever the last owner left open is closed."""
        producer = self._producer(identity)
        try:
            with _clear(f"opening transactor {identity}"):
                async with asyncio.timeout(OPEN_DEADLINE_S + TRANSACTION_TIMEOUT_MS / 1000):
                    await _start(producer)
            yield KafkaTransactor(producer)
        finally:
            await _close(producer)
            single_shot.retrieve_failures(producer)

    @asynccontextmanager
    async def member(self, group: str, topic: str, partitions: Partitions) -> AsyncIterator[KafkaMember]:
        """See the port."""
        consumer = self._consumer(group)
        listener = _Listener(partitions, consumer)
        try:
            with _clear(f"joining group {group}"):
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    consumer.subscribe([topic], listener=listener)
                    await _start(consumer)
            yield KafkaMember(consumer, listener)
        finally:
            await _close(consumer)

    async def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int, replication: int = 1) -> None:
        """See the port. A record is safe once all replicas but one have it."""
        safe = {"min.insync.replicas": str(max(1, replication - 1))}
        async with self._admin() as admin:
            for name, settings in topics.items():
                with suppress(TopicAlreadyExistsError):
                    await admin.create_topics(
                        [NewTopic(name, partitions, replication, topic_configs={**safe, **settings})]
                    )
        for name in topics:
            there = await self._created(name)
            if there != partitions:
                raise LogError(f"topic {name} has {there} partitions, the settings say {partitions}")

    async def _created(self, topic: str) -> int | None:
        """The partitions of a topic just created: a broker answers before it knows them itself."""
        for _ in range(CREATED_POLLS):
            there = await self.partitions(topic)
            if there is not None:
                return there
            await asyncio.sleep(CREATED_POLL_S)
        return None

    async def partitions(self, topic: str) -> int | None:
        """See the port."""
        async with self._admin() as admin:
            try:
                [described] = await admin.describe_topics([topic])
            except UnknownTopicOrPartitionError:
                return None
        return len(described["partitions"]) or None

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self.bootstrap, client_id=self.client_id, request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        try:
            with _clear(f"reaching Kafka at {self.bootstrap}"):
                async with asyncio.timeout(OPEN_DEADLINE_S):
                    await admin.start()
                    yield admin
        finally:
            with suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await admin.close()

    def _consumer(self, group: str | None) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            client_id=self.client_id,
            group_id=group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none" if group is None else "earliest",
            session_timeout_ms=int(self.session_timeout_s * 1000),
            heartbeat_interval_ms=int(self.session_timeout_s * 100),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=100,
            retry_backoff_ms=20,
        )

    def _producer(self, identity: str | None) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=self.client_id,
            transactional_id=identity,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            enable_idempotence=True,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=5,
        )


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, entries: Sequence[Entry]
) -> list[asyncio.Future[Any]]:
    """Hand entries over in batches; each batch's future is still to be awaited."""
    futures: list[asyncio.Future[Any]] = []
    builder = producer.create_batch()
    for key, value, headers, timestamp_ms in entries:
        if builder.append(key=key, value=value, timestamp=timestamp_ms, headers=list(headers)) is None:
            futures.append(await _handed_over(producer, builder, topic, partition))
            builder = producer.create_batch()
            builder.append(key=key, value=value, timestamp=timestamp_ms, headers=list(headers))
    if builder.record_count():
        futures.append(await _handed_over(producer, builder, topic, partition))
    return futures


async def _handed_over(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
    """The batch's future. Where a later batch fails first nobody waits for it, which is not to be logged."""
    future: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
    future.add_done_callback(single_shot.look_at)
    return future


async def _settled(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait for every batch, and raise what the first failed one says."""
    for outcome in await asyncio.gather(*futures, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
