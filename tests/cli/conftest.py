"""A broker and a Redis for the tests that start whole services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from levtao.embedded.kafka import KafkaServer
from levtao.embedded.valkey import ValkeyServer
from tests.cli.stack import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A broker and a Redis of its own, with nothing on them."""
    kafka = KafkaServer(tmp_path / "kafka").start()
    valkey = ValkeyServer(tmp_path / "valkey").start()
    try:
        yield Service(tmp_path, kafka.bootstrap, valkey.url)
    finally:
        valkey.stop()
        kafka.stop()
