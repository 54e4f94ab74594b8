"""The best bid and ask of each venue as the input log has them, as of any input, going forward."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Self

from engine.domain.inputs import QuoteObserved
from engine.domain.outputs import OrderSent
from engine.log.port import READ_RECORDS, READ_WAIT_S, Log, Reader, Record
from engine.wire.codec import DecodeError, decode_input
from engine.wire.topics import INPUTS

BEFORE = 20_000
"""So many inputs before an order are looked at: a quote that counted for it is hardly older."""


@dataclass(slots=True)
class RecordedBook:
    """The last quotes of one partition."""

    _reader: Reader
    _ahead: deque[Record] = field(default_factory=deque)
    _quotes: dict[tuple[str, str], QuoteObserved] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def opened(cls, log: Log, number: int) -> AsyncIterator[Self]:
        """The book of a partition. Raises LogError."""
        async with log.reader(INPUTS.name, number, None) as reader:
            yield cls(reader)

    async def touch(self, order: OrderSent, offset: int) -> Decimal:
        """What the order meets: the best opposite price, as of the input that caused it, of the venues that counted.

        A venue whose quote is not found is taken at its mid; where none counted, the decision price. Offsets never go
        back. Raises LogError.
        """
        await self._advance(offset)
        prices = [order.decision_price] if not order.basis else []
        for counted in order.basis:
            quote = self._quotes.get((order.underlying, counted.venue))
            if quote is None or quote.time != counted.time:
                prices.append(counted.mid)
            else:
                prices.append(quote.ask if order.side == "buy" else quote.bid)
        return min(prices) if order.side == "buy" else max(prices)

    async def _advance(self, offset: int) -> None:
        """Take every quote up to `offset`, or of a long way there the last part."""
        if self._reader.position <= offset:
            start = max(self._reader.position, await self._reader.begin(), offset - BEFORE)
            if start > self._reader.position:
                self._ahead.clear()
                self._reader.seek(start)
        end = await self._reader.end()
        while True:
            while self._ahead and self._ahead[0].offset <= offset:
                self._note(self._ahead.popleft())
            if self._ahead or self._reader.position >= min(offset + 1, end):
                return
            self._ahead.extend(await self._reader.read(READ_RECORDS, READ_WAIT_S))

    def _note(self, record: Record) -> None:
        try:
            given = decode_input(record.key, record.value)
        except DecodeError:
            return  # the engine has made a dead letter of it
        if isinstance(given, QuoteObserved):
            self._quotes[given.underlying, given.venue] = given
