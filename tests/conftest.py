"""Real servers for the tests that need them, started once; and what to do where they cannot be."""

import os
import signal
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from redis.asyncio import Redis

from engine.log.kafka import KafkaLog
from engine.runtime.view import connect
from levtao.embedded.kafka import KafkaServer, missing
from levtao.embedded.valkey import ValkeyServer

settings.register_profile("levtao", deadline=None)  # timings belong to benchmarks
settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile(os.environ.get("LEVTAO_HYPOTHESIS", "levtao"))

signal.signal(signal.SIGINT, signal.default_int_handler)
"""A runner in the background is deaf to it, and so would be every process the tests start."""

ON_CI = os.environ.get("CI") == "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where Java or Maven is missing the tests on the real broker are skipped with one loud line; on CI they fail."""
    lacking = missing()
    needing = [
        item for item in items if item.get_closest_marker("kafka") or "kafka" in getattr(item, "fixturenames", ())
    ]
    if not lacking or not needing:
        return
    loud = f"{len(needing)} TESTS ON THE REAL BROKER CANNOT RUN: {', '.join(lacking)} missing on this machine"
    if ON_CI:
        raise pytest.UsageError(loud)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(loud, stacklevel=1)
    for item in needing:
        item.add_marker(pytest.mark.skip(reason=loud))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka for the whole run; tests keep apart by the names of their topics."""
    server = KafkaServer(tmp_path_factory.mktemp("kafka")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """A real Valkey for the whole run; tests keep apart by the names of their keys."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey")).start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: ValkeyServer) -> AsyncIterator["Redis"]:
    """A client of the real Valkey, emptied."""
    async with connect(valkey.url) as client:
        await client.flushall()
        yield client


@pytest.fixture
def unique() -> str:
    """A name nobody else uses."""
    return uuid4().hex[:12]


@pytest.fixture
def data() -> Path:
    """The folder of recordings; without it the test is skipped."""
    folder = Path(os.environ.get("LEVTAO_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the recordings are not at {folder}; set LEVTAO_DATA")
    return folder


@pytest.fixture
def kafka_log(kafka: KafkaServer) -> KafkaLog:
    """The log on the real Kafka."""
    return KafkaLog(kafka.bootstrap)
