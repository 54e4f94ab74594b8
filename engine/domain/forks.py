"""Forks of the chain, from announcement to distribution or claims (specification, section 8).

Announced, halted from a time, snapshot of who is entitled, then the forked asset is given or claimed, and an operator
resumes trading. Only tokens that hold the underlying itself are entitled.
"""

from engine.domain.book import Book
from engine.domain.commands import AnnounceFork, DistributeFork, TakeForkSnapshot
from engine.domain.halts import halt_trading
from engine.domain.notices import ForkAnnounced, ForkClaimPaid, ForkDistributed, ForkEntitlement, ForkSnapshotTaken
from engine.domain.numbers import ZERO, money, paid_out
from engine.domain.outputs import Refusal
from engine.domain.requests import ForkClaimed
from engine.domain.state import Fork

MAX_FORKS = 64
MAX_CLAIMS = 10_000


def announce(book: Book, command: AnnounceFork) -> Refusal | None:
    """Note a fork to come; trading halts by itself when its time has come."""
    market = book.market
    if command.fork_id in market.forks:
        return "duplicate_fork"
    if len(market.forks) >= MAX_FORKS:
        return "too_many_requests"
    if command.halt_from < book.now:
        return "effective_in_past"
    if not command.ratio:
        return "bad_ratio"
    fork = market.forks[command.fork_id] = Fork(
        fork_id=command.fork_id,
        asset=command.asset,
        halt_from=command.halt_from,
        ratio=command.ratio,
        policy=command.policy,
        by=command.by,
        reason=command.reason,
        claim_until=command.claim_until,
    )
    book.emit(
        ForkAnnounced(
            market.underlying, fork.fork_id, fork.asset, fork.halt_from, fork.policy, command.by, command.reason
        )
    )
    if fork.halt_from == book.now:
        halt_before_fork(book, fork)
    return None


def halt_before_fork(book: Book, fork: Fork) -> None:
    """The time a fork was announced for has come."""
    fork.stage = "halted"
    if not book.market.halted:
        halt_trading(book, None, fork.by, f"fork {fork.fork_id}: {fork.reason}"[:256])


def take_snapshot(book: Book, command: TakeForkSnapshot) -> Refusal | None:
    """Note what each spot token is entitled to, a unit, rounded down."""
    fork = book.market.forks.get(command.fork_id)
    if fork is None:
        return "unknown_fork"
    if fork.stage != "halted":
        return "fork_out_of_order"
    holders = [token for token in book.tokens.values() if token.terms.basket_kind == "spot" and token.units]
    for token in holders if fork.policy != "none" else []:
        amount = paid_out(max(ZERO, token.basket) * fork.ratio)
        if amount:
            per_unit = paid_out(amount / token.units)
            fork.entitlements.append(ForkEntitlement(token.token, token.units, amount, per_unit))
    fork.stage = "snapshot"
    entitled = tuple(fork.entitlements)
    book.emit(ForkSnapshotTaken(book.market.underlying, fork.fork_id, entitled, command.by, command.reason))
    return None


def claim(book: Book, given: ForkClaimed) -> Refusal | None:
    """Pay a holder's claim, while claims are open and its token's entitlement lasts."""
    fork = book.market.forks.get(given.fork_id)
    if fork is None:
        return "unknown_fork"
    if given.claim_id in fork.claims:
        return "duplicate_claim"
    late = fork.claim_until is not None and book.now > fork.claim_until
    if fork.policy != "claim" or fork.stage != "snapshot" or late or len(fork.claims) >= MAX_CLAIMS:
        return "claim_not_open"
    entitled = next((each for each in fork.entitlements if each.token == given.token), None)
    claimed = fork.claimed.get(given.token, ZERO) + given.units
    if entitled is None or claimed > entitled.units:
        return "claim_exceeds_entitlement"
    fork.claimed[given.token] = claimed
    fork.claims.append(given.claim_id)
    amount = paid_out(given.units * entitled.per_unit)
    book.emit(
        ForkClaimPaid(
            underlying=book.market.underlying,
            fork_id=fork.fork_id,
            claim_id=given.claim_id,
            token=given.token,
            units=given.units,
            amount=amount,
            address=given.address,
        )
    )
    return None


def distribute(book: Book, command: DistributeFork) -> Refusal | None:
    """Give the forked asset to all holders of the snapshot, or end the claims: what was not claimed stays."""
    fork = book.market.forks.get(command.fork_id)
    if fork is None:
        return "unknown_fork"
    if fork.stage != "snapshot":
        return "fork_out_of_order"
    open_claims = fork.policy == "claim" and fork.claim_until is not None and book.now <= fork.claim_until
    if open_claims:
        return "fork_out_of_order"
    whole = sum((each.amount for each in fork.entitlements), ZERO)
    claimed = sum((fork.claimed.get(each.token, ZERO) * each.per_unit for each in fork.entitlements), ZERO)
    given = money(claimed) if fork.policy == "claim" else whole
    fork.stage = "ended"
    book.emit(ForkDistributed(book.market.underlying, fork.fork_id, given, whole - given, command.by, command.reason))
    return None
