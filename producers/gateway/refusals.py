"""Why a request is not taken: one code and one line each, the same over HTTP and on the command line."""

from typing import Literal, TypeAlias, get_args

from engine.wire.codec import Undecodable

Reason: TypeAlias = Literal[
    "not_authenticated",
    "not_allowed",
    "filled_in",
    "request_id",
    "ambiguous_head",
    "other_body",
    "under_way",
    "unavailable",
    "unknown_request",
    "unknown_route",
    "wrong_method",
    "not_json_type",
    "slow_body",
    "limited",
    Undecodable,
]
REASONS: tuple[str, ...] = get_args(Reason)

STATUS: dict[Reason, int] = {
    "not_json": 400,
    "filled_in": 400,
    "request_id": 400,
    "ambiguous_head": 400,
    "not_authenticated": 401,
    "not_allowed": 403,
    "unknown_request": 404,
    "unknown_route": 404,
    "wrong_method": 405,
    "slow_body": 408,
    "other_body": 409,
    "too_large": 413,
    "not_json_type": 415,
    "limited": 429,
    "under_way": 503,
    "unavailable": 503,
}
UNPROCESSABLE = 422
"""The status of every other reason: the body is JSON, and no input."""


class RefusedError(Exception):
    """A request that is not taken. `retry_after_s` where the same one may be taken later."""

    def __init__(self, reason: Reason, detail: str, retry_after_s: int | None = None) -> None:
        """Keep the parts apart."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """As HTTP numbers it."""
        return STATUS.get(self.reason, UNPROCESSABLE)
