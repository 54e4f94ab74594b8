"""What an operator may stop and start again, and the end of a token that is wound down (specification, section 8)."""

from engine.domain.book import Book
from engine.domain.commands import HaltCreations, HaltTrading, ResumeCreations, ResumeTrading, WindDownToken
from engine.domain.notices import CreationsHalted, TradingHalted, TradingResumed, WindDownAnnounced
from engine.domain.orders import cancel
from engine.domain.outputs import Refusal
from engine.domain.state import Token


def halt(book: Book, command: HaltTrading) -> Refusal | None:
    """Stop a token, or all of the underlying: cancel what is out for it, hold what is wanted."""
    token = None if command.token is None else book.tokens.get(command.token)
    if command.token is not None and token is None:
        return "unknown_token"
    if token.halted if token is not None else book.market.halted:
        return "already_halted"
    halt_trading(book, token, command.by, command.reason)
    return None


def halt_trading(book: Book, token: Token | None, by: str, reason: str) -> None:
    """Halt `token`, or the whole underlying for None."""
    if token is None:
        book.market.halted = True
    else:
        token.halted = True
    for order in book.out:
        if token is None or any(part.token == token.token and part.unfilled for part in order.parts):
            cancel(book, order, "halted")
    _touch(book, token)
    book.emit(TradingHalted(book.market.underlying, None if token is None else token.token, by, reason))


def resume(book: Book, command: ResumeTrading) -> Refusal | None:
    """Go on: limits are looked at afresh, resets that came due are made at the next index."""
    token = None if command.token is None else book.tokens.get(command.token)
    if command.token is not None and token is None:
        return "unknown_token"
    if not (token.halted if token is not None else book.market.halted):
        return "not_halted"
    if token is not None:
        token.halted = False
    elif any(fork.stage == "halted" for fork in book.market.forks.values()):
        return "fork_out_of_order"
    else:
        book.market.halted = False
    _touch(book, token)
    book.emit(TradingResumed(book.market.underlying, command.token, command.by, command.reason))
    return None


def hold_creations(book: Book, command: HaltCreations | ResumeCreations) -> Refusal | None:
    """Let creations of a token queue, or go on."""
    token = book.tokens.get(command.token)
    if token is None:
        return "unknown_token"
    halted = isinstance(command, HaltCreations)
    if token.creations_halted is halted:
        return "already_halted" if halted else "not_halted"
    token.creations_halted = halted
    book.touch(token)
    book.emit(CreationsHalted(book.market.underlying, token.token, halted, command.by, command.reason))
    return None


def wind_down(book: Book, command: WindDownToken) -> Refusal | None:
    """Announce the last reset of a token; it may be moved until it has come."""
    token = book.tokens.get(command.token)
    if token is None:
        return "unknown_token"
    if token.ended:
        return "not_live"
    if command.last_reset <= book.now:
        return "effective_in_past"
    token.last_reset = command.last_reset
    book.touch(token)
    book.emit(WindDownAnnounced(book.market.underlying, token.token, command.last_reset, command.by, command.reason))
    return None


def _touch(book: Book, token: Token | None) -> None:
    for each in book.tokens.values() if token is None else (token,):
        each.moved = True
        book.touch(each)
