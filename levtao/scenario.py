"""A scenario: inputs of the wire format from a file, one a line, through the whole core without Kafka.

A line is what a record of `levtao.inputs.v1` holds. `"appended": TIME` beside its fields is the time the log would
have given it; without it nothing is checked against the log's clock, as in a back-test. Line n is offset n - 1 of
partition 0. A line that is no input becomes a dead letter, as it would on the topic.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from engine.domain.book import Book
from engine.domain.instants import MILLISECOND, parse_instant
from engine.domain.numbers import text
from engine.domain.state import Token
from engine.runtime.partition import NO_FLOOD, InputRecord, Partition
from engine.wire.topics import DEAD_LETTERS


class ScenarioError(Exception):
    """A line that cannot even be given to the core; the message says which and why."""


@dataclass(slots=True)
class Scenario:
    """The fold over the lines so far."""

    lines: int = 0
    outputs: int = 0
    dead_letters: int = 0
    _partition: Partition = field(default_factory=lambda: Partition(0, dead_letter_limit=NO_FLOOD))

    def run(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The outputs of `lines`, in order. Raises ScenarioError for an `appended` that is no time."""
        for line in lines:
            value = line.strip()
            for output in self._partition.apply([self._record(value)]):
                self.outputs += 1
                self.dead_letters += output.topic == DEAD_LETTERS.name
                yield output.value
            self.lines += 1

    def summaries(self) -> list[dict[str, Any]]:
        """Every token as it stands at the end."""
        return [_summary(book, token) for book in self._partition.books.values() for token in book.tokens.values()]

    def _record(self, value: bytes) -> InputRecord:
        try:
            fields = json.loads(value)
        except (ValueError, RecursionError):
            return InputRecord(self.lines, None, None, value)
        if not isinstance(fields, dict):
            return InputRecord(self.lines, None, None, value)
        appended = None
        if "appended" in fields:
            appended = self._instant_ms(fields.pop("appended"))
            value = json.dumps(fields).encode()
        return InputRecord(self.lines, appended, str(fields.get("underlying")).encode(errors="replace"), value)

    def _instant_ms(self, given: object) -> int:
        try:
            return parse_instant(str(given)) // MILLISECOND
        except ValueError:
            raise ScenarioError(f"line {self.lines + 1}: appended: {given!r:.80} is no RFC 3339 time") from None


def _summary(book: Book, token: Token) -> dict[str, Any]:
    price = book.market.price
    return {
        "underlying": token.underlying,
        "token": token.token,
        "status": token.status,
        "series": token.series,
        "units": text(token.units),
        "basket": text(token.basket),
        "cash": text(token.cash),
        "goal": text(token.goal),
        "price": None if price is None else text(price),
        "benchmark": text(token.benchmark),
        "rule_value": text(token.rule_value),
        "final_value": text(token.final_value),
        "shortfall": text(token.shortfall),
        "terms_version": token.terms_version,
    }
