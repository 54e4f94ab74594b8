"""Instants: whole microseconds since 1970-01-01T00:00:00Z.

The core has no clock; every instant comes with an input. Integers compare and subtract exactly, and
cannot be naive.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

Instant: TypeAlias = int

MILLISECOND = 1_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
LATEST: Instant = 253_339_228_800 * SECOND
"""9998-01-01T00:00:00Z. Nothing happens from here on: what follows from a time still has four digits of year."""

RFC3339_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END: Instant = 253_402_300_800 * SECOND


def parse_instant(rfc3339: str) -> Instant:
    """The instant an RFC 3339 text names; digits beyond microseconds are cut.

    Raises ValueError for anything else, a time without an offset among it.
    """
    moment = datetime.fromisoformat(rfc3339)
    if moment.tzinfo is None:
        msg = f"a time needs its offset from UTC: {rfc3339!r}"
        raise ValueError(msg)
    since = moment - _EPOCH
    instant = since.days * DAY + since.seconds * SECOND + since.microseconds
    if not 0 <= instant < _END:
        msg = f"a time before 1970 or after 9999: {rfc3339!r}"
        raise ValueError(msg)
    return instant


@lru_cache(4_096)
def format_instant(instant: Instant) -> str:
    """The canonical RFC 3339 text in UTC: no fraction, milliseconds, or microseconds, whichever is exact."""
    whole, micros = divmod(instant, SECOND)
    stamp = (_EPOCH + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
    if not micros:
        return f"{stamp}Z"
    if micros % MILLISECOND:
        return f"{stamp}.{micros:06d}Z"
    return f"{stamp}.{micros // MILLISECOND:03d}Z"


def next_boundary(instant: Instant, reset_offset_s: int) -> Instant:
    """The first daily boundary strictly after `instant`; the day starts `reset_offset_s` after 00:00 UTC."""
    offset = reset_offset_s * SECOND
    return ((instant - offset) // DAY + 1) * DAY + offset
