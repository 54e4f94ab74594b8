"""NAV records: at the interval marks of event time, and at once after anything happened to a token."""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.book import Book
from engine.domain.costs import accrued_fee, accrued_interest
from engine.domain.events import Output
from engine.domain.exposure import equity, grown, leverage
from engine.domain.index import Mid, middle
from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.domain.numbers import ONE, ZERO, money
from engine.domain.outputs import NavPublished
from engine.domain.premium import premium_of
from engine.domain.sight import Sight
from engine.domain.state import Token

PUBLISHING = ("live", "terminated")


class Indication(NamedTuple):
    """The price of the indicative NAV and what it rests on."""

    price: Decimal | None
    venues: int
    age_ms: int
    dispersion: Decimal


def publish(book: Book, seen: Sight) -> None:
    """Publish every token at a new mark, else those that were touched."""
    market, now = book.market, book.now
    interval = market.terms.publication_interval_s * SECOND
    at_mark = bool(interval) and (market.last_mark is None or now >= market.last_mark + interval)
    if at_mark:
        market.last_mark = now - now % interval
        names = [t.token for t in book.tokens.values() if t.status in PUBLISHING or t.token in book.touched]
    else:
        names = sorted(book.touched)
    if at_mark and names:
        market.marks += 1
    if not names:
        return
    indication = _indication(book, seen)
    for name in names:
        token = book.tokens[name]
        if token.status == "listed":
            continue
        book.outputs.append(
            Output(name, _sequence(book, token, at_mark=at_mark), now, _record(book, token, seen, indication))
        )


def _sequence(book: Book, token: Token, *, at_mark: bool) -> int:
    """The token's next NAV number: the marks are counted once for all, its own extra records beside them."""
    publishing = token.status in PUBLISHING
    if not (at_mark and publishing):
        token.nav_sequence_base += 1
        book.note(token)
    return token.nav_sequence_base + book.market.marks if publishing else token.nav_sequence_base


def _indication(book: Book, seen: Sight) -> Indication:
    """The index where there is one, else the median of the last sound mids, however old."""
    used: list[Mid] = list(seen.counted) if seen.with_index else sorted(book.mids.values())
    if not used:
        return Indication(None, 0, 0, ZERO)
    price = seen.price if seen.with_index else middle(used)
    oldest = min(mid.time for mid in used)
    spread = used[-1].price - used[0].price
    age_ms = max(0, book.now - oldest) // MILLISECOND
    return Indication(price, len(used), age_ms, money(spread / middle(used)))


def _record(book: Book, token: Token, seen: Sight, indication: Indication) -> NavPublished:
    basket, cash, terms, now = token.basket, token.cash, token.terms, book.now
    price = seen.price if seen.with_index else None
    nav = None if price is None and token.status == "live" else _per_unit(token, price, now)
    stray = premium_of(book, token, price)
    lever = None if price is None else leverage(basket, cash, price)
    rule = token.rule_value
    benchmark = token.benchmark
    if price is not None:
        benchmark = grown(benchmark, terms.multiplier, token.benchmark_price, price)
        if token.status == "live":
            rule = grown(rule, terms.multiplier, token.rule_price, price)
    ladder = book.ladder(token)
    inav = nav
    if price is None and indication.price is not None:
        inav = _per_unit(token, indication.price, now)
    return NavPublished(
        underlying=book.market.underlying,
        token=token.token,
        status=token.status,
        nav=nav,
        inav=inav,
        inav_venues=indication.venues,
        inav_age_ms=indication.age_ms,
        inav_dispersion=indication.dispersion,
        price=price,
        leverage=None if lever is None else money(lever),
        drift=None if lever is None else money(lever / terms.multiplier - ONE),
        units=token.units,
        basket=basket,
        cash=cash,
        goal=token.goal,
        open=token.open,
        benchmark=benchmark,
        rule_value=rule,
        tracking_difference=money(nav / rule - ONE) if nav is not None and rule > ZERO else None,
        premium=None if stray is None else money(stray.premium),
        discount=None if stray is None else money(stray.discount),
        accrued_fee=ZERO if price is None else money(accrued_fee(token, price, now)),
        halted=book.halted(token),
        next_reset=book.market.next_boundary,
        zero_price=ladder.zero,
        max_leverage_price=ladder.max_leverage,
        emergency_price=ladder.emergency,
        min_leverage_price=ladder.min_leverage,
        terms_version=token.terms_version,
    )


def _per_unit(token: Token, price: Decimal | None, now: Instant) -> Decimal:
    """NAV per unit, net of what has accrued, never below zero; the final value of a closed token."""
    if token.status == "closed":
        return token.final_value
    if price is None or (token.status == "terminated" and not token.wound_down):
        return ZERO
    worth = equity(token.basket, token.cash, price)
    if token.status == "live":
        worth -= accrued_fee(token, price, now) + accrued_interest(token, now)
    return max(ZERO, money(worth / token.units))
