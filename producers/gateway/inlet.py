"""The way into the log: one writer at a time, thrown away and opened anew after whatever it could not do."""

import asyncio
from collections.abc import Callable

import structlog

from engine.domain.inputs import Input, Position
from engine.log.port import Headers, Log, LogError
from producers.inputs import InputWriter

BACKOFF_S = 1.0

_log = structlog.get_logger("levtao.gateway")


class InletClosedError(LogError):
    """There is no writer: nothing was written."""


class Inlet:
    """Writes inputs for as long as `run` runs."""

    def __init__(self, log: Log, partition_of: Callable[[str], int]) -> None:
        """Prepare; nothing is open yet."""
        self._log = log
        self._partition_of = partition_of
        self._writer: InputWriter | None = None
        self._lost = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether there is a writer."""
        return self._writer is not None

    async def run(self) -> None:
        """Keep a writer open until cancelled."""
        while True:
            try:
                async with self._log.writer() as writer:
                    self._lost.clear()
                    self._writer = InputWriter(writer, self._partition_of)
                    try:
                        await self._lost.wait()
                    finally:
                        self._writer = None
            except LogError as error:
                _log.warning("log_lost", reason=str(error))
            await asyncio.sleep(BACKOFF_S)

    async def write(self, given: Input, headers: Headers) -> Position:
        """Append an input; where it is. Raises InletClosedError, or LogError: then it may be there or not."""
        if self._writer is None:
            raise InletClosedError("the log cannot be written to at present")
        try:
            return await self._writer.write_one(given, headers)
        except LogError:
            self._lost.set()
            raise
