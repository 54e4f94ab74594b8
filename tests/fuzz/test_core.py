"""Whatever decodes: no sequence of inputs stops the core, and all it keeps and says can be read back as it was."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from engine.domain.commands import Entitlement, SetParticipant, SetTokenTerms, SetUnderlyingTerms
from engine.domain.inputs import FillReported, Input, OrderEndReported, QuoteObserved
from engine.domain.instants import SECOND
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.runtime.partition import InputRecord, Partition
from engine.wire.codec import decode_input, decode_output, encode_input
from engine.wire.states import decode_record, encode_record
from tests.desk import MIDNIGHT, d
from tests.fuzz.budget import tried
from tests.fuzz.shapes import KINDS, of_kind, terms, versioned

WHO = ("fuzz", "fuzz")
OFTEN = [QuoteObserved] * 6 + [FillReported] * 3 + [OrderEndReported]


class Fold:
    """A partition that is read back after every input; its records stay as they were written."""

    def __init__(self) -> None:
        self.partition = Partition(0, dead_letter_limit=(1 << 62, 1))
        self.kept: dict[str, bytes] = {}
        self.offset = 0
        self.orders: list[dict[str, Any]] = []
        self.said: Counter[str] = Counter()

    def feed(self, said: Input, appended_ms: int | None = None) -> None:
        encoded = encode_input(said)
        assert decode_input(b"TAO", encoded) == said
        for output in self.partition.apply([InputRecord(self.offset, appended_ms, b"TAO", encoded)]):
            fields = json.loads(output.value)
            self.said[fields["type"]] += 1
            if fields["type"] == "dead_letter":
                continue
            decode_output(output.value)
            if fields["type"] == "order_sent":
                self.orders.append(fields)
        self.offset += 1
        for name, value in self.partition.changes().items():
            if value is None:
                self.kept.pop(name, None)
            else:
                assert encode_record(decode_record(name, value)) == value
                self.kept[name] = value

    def open(self, market: UnderlyingTerms, tokens: list[TokenTerms]) -> None:
        """A book with tokens, and a participant who may do everything."""
        self.feed(SetUnderlyingTerms("TAO", 0, 1, market, *WHO))
        for name, each in zip("ABC", tokens, strict=False):
            self.feed(SetTokenTerms("TAO", name, 1, each, *WHO))
        allowed = tuple(Entitlement(name) for name, _ in zip("ABC", tokens, strict=False))
        self.feed(SetParticipant("TAO", "ap", active=True, entitlements=allowed, by="fuzz", reason="fuzz"))
        self.feed(QuoteObserved("TAO", "a", MIDNIGHT - 100 * SECOND, d(100), d(100)))

    def meant(self, said: Any, which: int, part: Decimal) -> Any:
        """A report on an order is of one that was sent."""
        if not isinstance(said, FillReported | OrderEndReported) or not self.orders:
            return versioned(said, self.offset)
        order = self.orders[-1 - which % len(self.orders)]
        if isinstance(said, OrderEndReported):
            return OrderEndReported("TAO", order["order_id"], said.outcome, said.detail)
        quantity = (d(order["quantity"]) * part).quantize(d("1E-18")) if d(order["quantity"]) < 10**15 else d(1)
        return FillReported("TAO", order["order_id"], said.fill_id, quantity or d(1), said.price, said.commission)


@tried(250)
@given(terms(UnderlyingTerms), st.lists(terms(TokenTerms), min_size=1, max_size=3), st.data())
def test_nothing_that_decodes_stops_the_core_and_everything_comes_back(
    market: UnderlyingTerms, tokens: list[TokenTerms], data: st.DataObject
) -> None:
    fold = Fold()
    fold.open(market, tokens)
    kinds = data.draw(st.lists(st.sampled_from([*KINDS, *OFTEN]), min_size=1, max_size=25))
    for kind in kinds:
        said = data.draw(of_kind(kind))
        which, part = data.draw(st.integers(0, 3)), data.draw(st.sampled_from([d(1), d("0.5"), d("0.333")]))
        fold.feed(fold.meant(said, which, part))
    for kind in fold.said:
        event(kind)
    again = Partition(0, fold.partition.checkpoint)
    again.restore(fold.kept)
    assert again.records() == fold.partition.records() == fold.kept


@tried(150)
@given(terms(UnderlyingTerms), terms(TokenTerms), st.data())
def test_nothing_that_decodes_stops_a_core_at_a_log(
    market: UnderlyingTerms, token: TokenTerms, data: st.DataObject
) -> None:
    fold = Fold()
    fold.open(market, [token])
    now_ms = MIDNIGHT // 1_000
    for kind in data.draw(st.lists(st.sampled_from([*KINDS, *OFTEN]), min_size=1, max_size=15)):
        now_ms += data.draw(st.sampled_from([0, 1, 500, 30_000, 3_600_000]))
        fold.feed(fold.meant(data.draw(of_kind(kind)), 0, d(1)), now_ms)
