"""What holds of costs, days, halts, merges and forks for every sequence of inputs."""

from collections import Counter
from decimal import localcontext
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.inputs import Position
from engine.domain.notices import (
    DayAttributed,
    FeePaid,
    ForkClaimPaid,
    ForkSnapshotTaken,
    FundingBooked,
    TradingHalted,
    TradingResumed,
)
from engine.domain.outputs import (
    FillBooked,
    FixTaken,
    NavPublished,
    RebalanceTriggered,
    TokenClosed,
    TokenLaunched,
    TokenReset,
    TokenTerminated,
    WantsCrossed,
)
from engine.domain.state import record_name
from engine.wire.states import encode_record
from tests.desk import Desk, d
from tests.domain.costs_life import (
    AROUND,
    EXAMPLES,
    FLOWS,
    TRADE,
    Life,
    every_life,
    lives,
    rebuilt,
    replayed,
    spoken,
    total,
)
from tests.domain.costs_scenes import is_exact
from tests.domain.scenes import near
from tests.walk import Walk


@every_life(*TRADE, *AROUND, *FLOWS)
def test_the_parts_of_every_day_sum_exactly(desk: Desk) -> None:
    with localcontext() as context:
        context.prec = 50
        for day in desk.all(DayAttributed):
            assert is_exact(day)
            assert day.day_low <= min(day.price, day.day_high)
            assert day.day_high >= day.price


@every_life(*TRADE, *AROUND)
def test_days_follow_each_other(desk: Desk) -> None:
    for name in ("T0", "T1", "T2"):
        days = [day for day in desk.all(DayAttributed) if day.token == name]
        for before, after in pairwise(days):
            assert after.price_before == before.price
            assert after.since > before.since


@every_life(*TRADE, *AROUND)
def test_cash_is_the_launch_and_all_that_was_booked(desk: Desk) -> None:
    cash = {body.token: body.cash for body in desk.all(TokenLaunched)}
    shares = [fill.shares for fill in desk.all(FillBooked)] + [cross.shares for cross in desk.all(WantsCrossed)]
    for share in (each for booked in shares for each in booked if not each.to_issuer):
        cash[share.token] += share.cash
    for booking in desk.all(FundingBooked):
        for part in booking.shares:
            if not part.to_issuer:
                cash[part.token] += part.cash
    for fee in desk.all(FeePaid):
        cash[fee.token] -= fee.fee + fee.interest
    closed = {body.token for body in desk.all(TokenClosed)}
    for name in cash.keys() - closed:
        assert near(desk[name].cash, cash[name], 15)


@every_life(*TRADE, *AROUND, *FLOWS)
def test_an_amount_of_funding_is_shared_out_completely(desk: Desk) -> None:
    seen: Counter[tuple[str, int]] = Counter()
    for booking in desk.all(FundingBooked):
        seen[booking.venue, booking.funding_time] += 1
        if booking.amount is not None:
            parts = total(share.cash for share in booking.shares)
            assert near(parts + booking.amount, abs(booking.unshared) if booking.amount > 0 else -abs(booking.unshared))
    assert set(seen.values()) <= {1}


@every_life(*TRADE, *AROUND, *FLOWS)
def test_nothing_published_is_below_zero(desk: Desk) -> None:
    for nav in desk.all(NavPublished):
        assert nav.nav is None or nav.nav >= 0
        assert min(nav.benchmark, nav.rule_value, nav.units, nav.accrued_fee) >= 0
    for fee in desk.all(FeePaid):
        assert min(fee.fee, fee.interest) >= 0


@every_life(*TRADE, *AROUND, *FLOWS)
def test_a_published_nav_is_net_of_the_accrued_fee_and_leverage_is_not(desk: Desk) -> None:
    with localcontext() as context:
        context.prec = 50
        for nav in desk.all(NavPublished):
            if nav.nav is None or nav.price is None or nav.status != "live" or not nav.units:
                continue
            worth = nav.basket * nav.price + nav.cash
            assert nav.nav <= max(d(0), (worth - nav.accrued_fee) / nav.units) + d("1e-15")
            if nav.leverage is not None and nav.cash >= 0 and worth > 0:  # no loan, no interest
                assert near(nav.leverage * worth, nav.basket * nav.price, 9)


@every_life(*TRADE, *AROUND, *FLOWS)
def test_a_halted_token_neither_resets_nor_triggers(desk: Desk) -> None:
    halted: set[str | None] = set()
    for output in desk.outputs:
        body = output.body
        if isinstance(body, TradingHalted):
            assert body.token not in halted
            halted.add(body.token)
        elif isinstance(body, TradingResumed):
            halted.remove(body.token)
        elif isinstance(body, TokenReset | RebalanceTriggered):
            assert None not in halted
            assert body.token not in halted


@every_life(*TRADE, *AROUND, *FLOWS)
def test_a_token_resets_at_most_once_per_boundary_and_the_fix_comes_once(desk: Desk) -> None:
    resets = Counter((reset.token, reset.boundary) for reset in desk.all(TokenReset))
    fixes = Counter(fix.boundary for fix in desk.all(FixTaken))
    ends = Counter(ended.token for ended in desk.all(TokenTerminated))
    for counted in (resets, fixes, ends):
        assert set(counted.values()) <= {1}
    for name in ("T0", "T1", "T2"):
        mine = [reset for reset in desk.all(TokenReset) if reset.token == name]
        for before, after in pairwise(mine):
            assert after.boundary - before.boundary == after.boundaries * 86_400_000_000


@every_life(*TRADE, *AROUND, *FLOWS)
def test_claims_never_exceed_the_snapshot(desk: Desk) -> None:
    for taken in desk.all(ForkSnapshotTaken):
        for entitled in taken.entitlements:
            claims = [claim for claim in desk.all(ForkClaimPaid) if claim.token == entitled.token]
            assert total(claim.units for claim in claims) <= entitled.units
            assert total(claim.amount for claim in claims) <= entitled.amount


@every_life(*TRADE, *AROUND, *FLOWS)
def test_sequences_are_gapless_per_topic_and_key(desk: Desk) -> None:
    numbers: dict[tuple[str, str], list[int]] = {}
    for output in desk.outputs:
        numbers.setdefault((output.body.stream, output.key), []).append(output.sequence)
    for sequence in numbers.values():
        assert all(second == first + 1 for first, second in pairwise(sequence))


@pytest.mark.parametrize("basket", ["perpetual", "spot"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_book_rebuilt_from_its_records_before_every_input_goes_on_alike(basket: str, data: st.DataObject) -> None:
    desk = Life(*data.draw(lives(*TRADE, *AROUND, *FLOWS, baskets=(basket,)))).desk
    assert spoken(replayed(desk, rebuilt)) == spoken(desk)


@pytest.mark.parametrize("basket", ["perpetual", "spot"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_what_is_said_to_have_changed_is_all_that_has_to_be_written(basket: str, data: st.DataObject) -> None:
    written: dict[str, bytes] = {}

    def write(desk: Desk, _: Position) -> None:
        assert desk.book is not None
        for name in desk.book.changed:
            record = desk.book.record(name)
            if record is None:
                written.pop(name, None)
            else:
                written[name] = encode_record(record)
        desk.book.changed.clear()
        everything = {record_name(record): encode_record(record) for record in desk.book.records()}
        del everything["market:TAO"]
        assert written == everything

    replayed(Life(*data.draw(lives(*TRADE, *AROUND, *FLOWS, baskets=(basket,)))).desk, write)


@every_life(*TRADE, *AROUND, *FLOWS)
def test_the_same_inputs_give_the_same_outputs(desk: Desk) -> None:
    assert spoken(replayed(desk, lambda _desk, _position: None)) == spoken(desk)


@pytest.mark.parametrize("seed", range(6))
def test_a_rebuilt_walk_goes_on_alike(seed: int) -> None:
    desk = Walk(seed, steps=80).desk
    assert spoken(replayed(desk, rebuilt)) == spoken(desk)
