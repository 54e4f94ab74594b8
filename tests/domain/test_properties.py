"""What holds for every sequence of inputs."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import chain, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.commands import SetUnderlyingTerms
from engine.domain.instants import SECOND
from engine.domain.outputs import (
    CancelRequested,
    FillBooked,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenClosed,
    TokenLaunched,
    TokenReset,
    TokenTerminated,
    WantsCrossed,
)
from tests.desk import Desk, d, only
from tests.domain.driven import Driven
from tests.domain.scenes import EXACTLY, NAME, kinds, near

Action = tuple[Any, ...]

STEP = st.sampled_from([0.0, 0.4, 1.0, 1.0, 3.0, 9.0, 31.0, 95.0, 43200.0])
MOVE = st.sampled_from(["0.8", "0.9", "0.94", "0.98", "0.99", "0.999", "1", "1.003", "1.02", "1.06", "1.1"])
VENUES = st.sampled_from(["ab", "ab", "ab", "a", "b"])
ACTION = st.one_of(
    st.tuples(st.just("quote"), STEP, MOVE, VENUES),
    st.tuples(st.just("quote"), STEP, MOVE, VENUES),
    st.tuples(st.just("clock"), STEP),
    st.tuples(st.just("fill"), st.integers(0, 3), st.sampled_from(["0.1", "0.37", "1", "1.5"]), MOVE),
    st.tuples(st.just("fill"), st.just(0), st.just("1"), st.just("1")),
    st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from(["expired", "cancelled", "rejected"])),
    st.tuples(st.just("again"), st.just(0)),
    st.tuples(st.just("day"), MOVE, st.sampled_from([0.0, 4.0])),
)
FILLS = st.sampled_from(["reported", "reported", "assumed"])
TOKEN = st.tuples(st.sampled_from(["2", "3", "-1", "-2", "-3", "5"]), st.sampled_from([1, 7, 40]), FILLS)
TERMS = st.fixed_dictionaries(
    {
        "min_venues": st.sampled_from([1, 1, 2]),
        "lot": st.sampled_from([d(0), d("0.001"), d("0.5")]),
        "min_notional": st.sampled_from([d(0), d(10)]),
        "max_slice_notional": st.sampled_from([None, d(300), d(5000)]),
        "max_tries": st.sampled_from([1, 3, 10]),
        "publication_interval_s": st.sampled_from([0, 1, 60]),
        "slippage": st.sampled_from([d(0), d("0.001")]),
        "commission": st.sampled_from([d(0), d("0.0007")]),
    }
)
LIVES = st.tuples(TERMS, st.lists(TOKEN, min_size=1, max_size=3), st.lists(ACTION, min_size=25, max_size=70))

EXAMPLES = 60


class Life(Driven):
    """A book driven by a list of actions; fills and ends name orders counted from the last one sent."""

    def __init__(self, terms: dict[str, Any], tokens: list[tuple[str, int, str]], actions: list[Action]) -> None:
        self.desk = Desk.open(**terms)
        self.time, self.price = -200.0, d(100)
        for number, (multiplier, seed, fills) in enumerate(tokens):
            for venue in ("a", "b"):
                self.desk.quote(self.price, self.time, venue)
            self.desk.token(f"T{number}", multiplier, seed=seed, fills=fills)
            self.price *= d("1.025")
        for kind, *rest in actions:
            getattr(self, kind)(*rest)

    def sent(self, back: int) -> OrderSent | None:
        orders = self.desk.all(OrderSent)
        return orders[-1 - back] if back < len(orders) else None

    def again(self, _: int) -> None:
        last, _position = self.desk.inputs[-1]
        if not isinstance(last, SetUnderlyingTerms):
            self.desk.feed(last)


def every_life(check: Callable[[Desk], None]) -> Callable[[], None]:
    """The check, for many books after many inputs."""

    @settings(max_examples=EXAMPLES)
    @given(LIVES)
    def run(life: tuple[dict[str, Any], list[tuple[str, int, str]], list[Action]]) -> None:
        check(Life(*life).desk)

    run.__name__ = check.__name__
    return run


def signed(order: OrderSent | FillBooked) -> Decimal:
    return order.quantity if order.side == "buy" else -order.quantity


@every_life
def test_shares_of_a_fill_sum_to_it(desk: Desk) -> None:
    for fill in desk.all(FillBooked):
        assert sum(share.quantity for share in fill.shares) == signed(fill)
        assert near(sum(share.cash for share in fill.shares), -signed(fill) * fill.price - fill.commission)


@every_life
def test_crosses_sum_to_zero_in_quantity_and_cash(desk: Desk) -> None:
    for cross in desk.all(WantsCrossed):
        assert sum(share.quantity for share in cross.shares) == 0
        assert sum(share.cash for share in cross.shares) == 0
        assert len({share.quantity > 0 for share in cross.shares}) == 2


@every_life
def test_allocations_sum_to_the_order_and_are_of_its_side(desk: Desk) -> None:
    for order in desk.all(OrderSent):
        assert sum(part.quantity for part in order.allocations) == signed(order)
        assert all(part.quantity * signed(order) > 0 for part in order.allocations)
        assert sum(part.quantity for part in order.crosses) == 0


@every_life
def test_orders_are_whole_lots_of_at_least_the_minimum_and_slices_at_most_the_maximum(desk: Desk) -> None:
    assert desk.book is not None
    terms = desk.book.market.terms
    for order in desk.all(OrderSent):
        notional = order.quantity * order.decision_price
        assert order.quantity > 0
        assert notional >= terms.min_notional
        assert not terms.lot or order.quantity % terms.lot == 0
        sliced = terms.max_slice_notional is not None and not order.urgent and order.fills == "reported"
        assert not sliced or notional <= (terms.max_slice_notional or 0)


@every_life
def test_baskets_and_cash_are_the_launch_and_all_booked_shares(desk: Desk) -> None:
    held: dict[str, list[Decimal]] = {body.token: [body.basket, body.cash] for body in desk.all(TokenLaunched)}
    booked = [fill.shares for fill in desk.all(FillBooked)] + [cross.shares for cross in desk.all(WantsCrossed)]
    for share in chain.from_iterable(booked):
        held[share.token][0] += share.quantity
        held[share.token][1] += share.cash
    closed = {body.token for body in desk.all(TokenClosed)}
    for name in held.keys() - closed:
        assert [desk[name].basket, desk[name].cash] == held[name]


@every_life
def test_nav_is_never_published_below_zero(desk: Desk) -> None:
    for nav in desk.all(NavPublished):
        assert nav.nav is None or nav.nav >= 0
        assert nav.benchmark >= 0
        assert nav.rule_value >= 0
    for closed in desk.all(TokenClosed):
        assert closed.final_value >= 0
        assert closed.shortfall >= 0
        assert not (closed.final_value and closed.shortfall)


@every_life
def test_sequences_are_gapless_per_topic_and_key(desk: Desk) -> None:
    numbers: dict[tuple[str, str], list[int]] = {}
    for output in desk.outputs:
        numbers.setdefault((output.body.stream, output.key), []).append(output.sequence)
    for sequence in numbers.values():
        assert all(second == first + 1 for first, second in pairwise(sequence))


@every_life
def test_a_token_is_reset_once_per_boundary_and_ends_once(desk: Desk) -> None:
    resets = Counter((reset.token, reset.boundary) for reset in desk.all(TokenReset))
    ends = Counter(ended.token for ended in [*desk.all(TokenTerminated)])
    closes = Counter(closed.token for closed in desk.all(TokenClosed))
    ids = Counter(order.order_id for order in desk.all(OrderSent))
    order_ends = Counter(ended.order_id for ended in desk.all(OrderEnded))
    for counted in (resets, ends, closes, ids, order_ends):
        assert set(counted.values()) <= {1}


@every_life
def test_one_ordinary_reported_order_is_out_and_the_interval_lies_between_two(desk: Desk) -> None:
    out: dict[str, OrderSent] = {}
    last_sent = None
    for output in desk.outputs:
        body = output.body
        if isinstance(body, OrderEnded):
            out.pop(body.order_id, None)
        if isinstance(body, OrderSent) and body.fills == "reported":
            sides = {order.side for order in out.values()}
            assert sides <= {body.side}
            if not body.urgent:
                assert not out
                assert last_sent is None or output.time - last_sent >= 30 * SECOND
                last_sent = output.time
            out[body.order_id] = body


@every_life
def test_only_orders_that_are_out_are_cancelled_and_each_once(desk: Desk) -> None:
    out: set[str] = set()
    for output in desk.outputs:
        body = output.body
        if isinstance(body, OrderSent):
            out.add(body.order_id)
        elif isinstance(body, OrderEnded):
            out.discard(body.order_id)
        elif isinstance(body, CancelRequested):
            assert body.order_id in out
    assert set(Counter(cancel.order_id for cancel in desk.all(CancelRequested)).values()) <= {1}


@every_life
def test_what_is_out_is_what_orders_that_have_not_ended_leave_unfilled(desk: Desk) -> None:
    out = {order.order_id: order for order in desk.all(OrderSent)}
    unfilled = {name: {part.token: part.quantity for part in order.allocations} for name, order in out.items()}
    for fill in desk.all(FillBooked):
        for share in fill.shares:
            unfilled[fill.order_id][share.token] -= share.quantity
            assert unfilled[fill.order_id][share.token] * signed(fill) >= 0
    for ended in desk.all(OrderEnded):
        out.pop(ended.order_id)
    for launch in desk.all(TokenLaunched):
        expected = sum((unfilled[name].get(launch.token, Decimal(0)) for name in out), Decimal(0))
        assert desk[launch.token].open == expected


@every_life
def test_a_trigger_names_a_leverage_that_is_at_its_limit(desk: Desk) -> None:
    for fired in desk.all(RebalanceTriggered):
        if fired.equity <= 0:
            assert not fired.with_index
            assert fired.goal == 0
            assert fired.leverage is None
            continue
        assert fired.leverage is not None
        if fired.trigger == "min_leverage":
            assert abs(fired.leverage) <= fired.limit * (1 + d("1e-11"))
        else:
            assert abs(fired.leverage) >= fired.limit * (1 - d("1e-11"))


@every_life
def test_the_same_inputs_give_the_same_outputs(desk: Desk) -> None:
    again = Desk()
    for said, position in desk.inputs:
        again.feed(said, appended=position.appended)
    assert repr(again.outputs) == repr(desk.outputs)


PRICE = st.integers(7000, 14000).map(lambda cents: d(cents) / 100)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(["2", "3", "-1", "-2", "-3"]), st.lists(PRICE, min_size=1, max_size=4))
def test_leverage_after_a_rebalance_filled_at_its_price_is_back_at_target(
    multiplier: str, prices: list[Decimal]
) -> None:
    desk = Desk.open(**EXACTLY)
    desk.token(NAME, multiplier, seed=100, max_leverage="none")
    desk.quote(100, -100)
    for day, price in enumerate(prices):
        desk.quote(price, day * 86_400 - 1)
        for order in kinds(desk.clock(day * 86_400), OrderSent):
            nav = only(desk.fill(order, order.quantity, order.decision_price), NavPublished)
            if nav.nav is not None and nav.nav > d("0.01"):
                assert near(nav.leverage, multiplier, 12)
