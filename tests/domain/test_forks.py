"""Section 8: a fork from its announcement to the resume."""

from typing import Any

import pytest

from engine.domain.notices import (
    ForkAnnounced,
    ForkClaimPaid,
    ForkDistributed,
    ForkSnapshotTaken,
    TradingHalted,
    TradingResumed,
)
from engine.domain.outputs import CancelRequested, FixTaken, OrderSent, RebalanceTriggered, TokenReset
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.costs_scenes import announces, claims, distributes, halt, moment, refused, resume, snapshot
from tests.domain.scenes import NAME, near, spaced, values, worked

SPOT: dict[str, Any] = {"basket_kind": "spot"}


def forking(policy: str = "distribute", *, ratio: Any = 1, claim_until: float | None = None) -> Desk:
    """150 TAO on 100 units of spot, as much in perpetuals; the fork is announced for -60."""
    desk = worked(token=SPOT)
    desk.token("PERP", 3, seed=100)
    only(announces(desk, -60, policy, ratio=ratio, claim_until=claim_until), ForkAnnounced)
    return desk


def snapped(policy: str = "distribute", *, ratio: Any = 1, claim_until: float | None = None) -> Desk:
    """Halted, and the snapshot taken."""
    desk = forking(policy, ratio=ratio, claim_until=claim_until)
    desk.clock(-60)
    only(snapshot(desk), ForkSnapshotTaken)
    return desk


def test_an_announcement_halts_nothing_yet() -> None:
    desk = worked(token=SPOT)
    said = announces(desk, -60)
    fork = only(said, ForkAnnounced)
    assert values(fork.fork_id, fork.asset, fork.halt_from, fork.policy) == ("F1", "TAOX", moment(-60), "distribute")
    none([*said, *desk.quote(200, -60.001)], TradingHalted)
    halted = only(desk.quote(200, -60), TradingHalted)
    assert halted.token is None


def test_it_is_halted_from_its_time_exactly() -> None:
    desk = spaced(token=SPOT)
    announces(desk, -60)
    said = desk.quote(160, -60)
    only(said, TradingHalted)
    none(said, RebalanceTriggered)
    before = spaced(token=SPOT)
    announces(before, -60)
    only(before.quote(160, -60.001), RebalanceTriggered)


@pytest.mark.parametrize("at", [-55, 3000])
def test_the_first_input_after_its_time_halts(at: float) -> None:
    desk = forking()
    only(desk.clock(at), TradingHalted)


def test_a_halt_may_begin_with_its_announcement() -> None:
    desk = worked(token=SPOT)
    desk.quote(200, -100)
    only(announces(desk, -100), TradingHalted)


def test_a_halt_cannot_begin_in_the_past() -> None:
    desk = worked(token=SPOT)
    desk.quote(200, -100)
    assert refused(announces(desk, -150), "effective_in_past")


def test_the_halt_cancels_what_is_out() -> None:
    desk = spaced(token=SPOT)
    order = only(desk.quote(160, -100), OrderSent)
    announces(desk, -60)
    assert only(desk.clock(-60), CancelRequested).order_id == order.order_id


def test_no_reset_until_the_resume() -> None:
    desk = forking()
    desk.clock(-60)
    desk.quote(210, -1)
    said = desk.clock(0)
    only(said, FixTaken)
    none(said, TokenReset)
    snapshot(desk)
    distributes(desk)
    desk.clock(50)
    only(resume(desk, None), TradingResumed)
    resets = [body for body in desk.quote(205, 60) if isinstance(body, TokenReset)]
    assert [(reset.token, reset.late, reset.boundary) for reset in resets] == [
        ("PERP", True, MIDNIGHT), (NAME, True, MIDNIGHT)
    ]  # fmt: skip


@pytest.mark.parametrize(("ratio", "amount", "per_unit"), [(1, 150, "1.5"), ("0.5", 75, "0.75"), (10, 1500, 15)])
@pytest.mark.parametrize("policy", ["distribute", "claim"])
def test_only_those_who_hold_the_underlying_itself_are_entitled(
    policy: str, ratio: Any, amount: int, per_unit: Any
) -> None:
    desk = forking(policy, ratio=ratio, claim_until=3600)
    desk.clock(-60)
    [entitled] = only(snapshot(desk), ForkSnapshotTaken).entitlements
    assert values(entitled.token, entitled.units, entitled.amount) == (NAME, 100, amount)
    assert near(entitled.per_unit, per_unit)


def test_the_snapshot_is_of_what_is_held_then() -> None:
    desk = spaced(token=SPOT)
    order = only(desk.quote(160, -100), OrderSent)
    announces(desk, -60)
    desk.clock(-60)
    desk.fill(order, 25, 160)
    [entitled] = only(snapshot(desk), ForkSnapshotTaken).entitlements
    assert values(entitled.amount, entitled.per_unit) == (75, d("0.75"))


def test_a_short_is_entitled_to_nothing() -> None:
    desk = worked(token=SPOT)
    desk.token("SHORT", -1, seed=100, basket_kind="spot")
    announces(desk, -60)
    desk.clock(-60)
    entitled = only(snapshot(desk), ForkSnapshotTaken).entitlements
    assert [each.token for each in entitled if each.amount > 0] == [NAME]
    assert all(each.amount >= 0 for each in entitled)


def test_distributed_to_all_at_once() -> None:
    desk = snapped()
    done = only(distributes(desk), ForkDistributed)
    assert done.claimed + done.unclaimed == 150
    assert refused(distributes(desk), "fork_out_of_order")
    assert refused(snapshot(desk), "fork_out_of_order")
    only(resume(desk, None), TradingResumed)


def test_stages_only_follow_each_other() -> None:
    desk = forking()
    assert refused(snapshot(desk), "fork_out_of_order")
    assert refused(distributes(desk), "fork_out_of_order")
    desk.clock(-60)
    assert refused(distributes(desk), "fork_out_of_order")
    only(snapshot(desk), ForkSnapshotTaken)
    assert refused(snapshot(desk), "fork_out_of_order")
    only(distributes(desk), ForkDistributed)


def test_an_unknown_fork_is_refused_and_a_known_one_not_announced_again() -> None:
    desk = forking()
    for said in (snapshot(desk, "F2"), distributes(desk, "F2"), claims(desk, 1, fork="F2")):
        assert refused(said, "unknown_fork")
    assert refused(announces(desk, -30), "duplicate_fork")


def test_claims_are_paid_until_they_are_used_up() -> None:
    desk = snapped("claim", claim_until=3600)
    first = only(claims(desk, 40), ForkClaimPaid)
    assert values(first.claim_id, first.token, first.units, first.amount, first.address) == (
        "K1", NAME, 40, 60, "5Holder"
    )  # fmt: skip
    assert refused(claims(desk, 40, "K1"), "duplicate_claim")
    assert refused(claims(desk, "60.001", "K2"), "claim_exceeds_entitlement")
    assert only(claims(desk, 60, "K2"), ForkClaimPaid).amount == 90
    assert refused(claims(desk, "0.001", "K3"), "claim_exceeds_entitlement")


def test_claims_go_on_after_the_resume_until_their_deadline() -> None:
    desk = snapped("claim", claim_until=3600)
    claims(desk, 10)
    only(resume(desk, None), TradingResumed)
    desk.quote(200, 3599)
    only(claims(desk, 10, "K2"), ForkClaimPaid)
    desk.quote(200, 3601)
    assert refused(claims(desk, 10, "K3"), "claim_not_open")


def test_claims_cannot_be_ended_before_their_deadline() -> None:
    desk = snapped("claim", claim_until=3600)
    assert refused(distributes(desk), "fork_out_of_order")
    desk.clock(3600)
    assert refused(distributes(desk), "fork_out_of_order")
    desk.clock(3600.000001)
    only(distributes(desk), ForkDistributed)


def test_the_end_of_claims_says_what_was_not_claimed() -> None:
    desk = snapped("claim", claim_until=3600)
    claims(desk, 10)
    desk.clock(3601)
    if not desk.all(ForkDistributed):
        distributes(desk)
    done = only(desk.all(ForkDistributed), ForkDistributed)
    assert values(done.claimed, done.unclaimed) == (15, 135)


def test_a_claim_before_the_snapshot_is_refused() -> None:
    desk = forking("claim", claim_until=3600)
    assert refused(claims(desk, 10), "claim_not_open")
    desk.clock(-60)
    assert refused(claims(desk, 10), "claim_not_open")


@pytest.mark.parametrize("policy", ["distribute", "none"])
def test_there_are_claims_only_where_the_policy_says_so(policy: str) -> None:
    assert refused(claims(snapped(policy), 10), "claim_not_open")


def test_a_token_that_is_not_entitled_claims_nothing() -> None:
    desk = snapped("claim", claim_until=3600)
    assert refused(claims(desk, 1, "K1", "PERP"), "claim_exceeds_entitlement")


def test_with_the_policy_none_nothing_is_given() -> None:
    desk = forking("none")
    desk.clock(-60)
    snapshot(desk)
    assert sum(done.claimed for done in desk.all(ForkDistributed)) == 0
    only(resume(desk, None), TradingResumed)


def test_a_fork_and_an_operator_halt_do_not_mind_each_other() -> None:
    desk = forking()
    halt(desk, None)
    desk.clock(-60)
    assert desk.book is not None
    assert desk.book.market.halted
    only(snapshot(desk), ForkSnapshotTaken)
    only(distributes(desk), ForkDistributed)
    only(resume(desk, None), TradingResumed)
    assert not desk.book.market.halted
