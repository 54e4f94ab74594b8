"""Who may ask: the presented key, then how often, then what. Failures are alike, slow, counted and bounded."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic

from starlette.requests import Request

from engine import metrics
from producers.gateway.keys import Caller, Keyring
from producers.gateway.limits import Limiter
from producers.gateway.operations import Operation
from producers.gateway.refusals import RefusedError
from producers.gateway.settings import GatewaySettings

FAILURE_S = 0.5
"""Every failure is answered so long after it came: how far it got cannot be told from the time."""
FAILURES = 10
FAILURES_PER_S = 0.2
MAX_ADDRESS = 64
NETWORK = len("2001:0db8:0000:0000")
WRONG_KEY = "the key is missing or wrong"


@dataclass(slots=True)
class Access:
    """Lets callers in by their keys."""

    keyring: Keyring
    settings: GatewaySettings
    _failures: Limiter = field(default_factory=lambda: Limiter(FAILURES_PER_S, FAILURES))
    _requests: Limiter = field(init=False)

    def __post_init__(self) -> None:
        """A bucket a key."""
        self._requests = Limiter(self.settings.rate_per_s, self.settings.burst)

    async def caller(self, request: Request) -> Caller:
        """Whose request it is. Raises RefusedError."""
        scheme, _, presented = request.headers.get("authorization", "").partition(" ")
        presented = presented.strip() if scheme.lower() == "bearer" else ""
        caller = self.keyring.known(presented) or await self._prove(presented, _address(request))
        wait_s = self._requests.take(caller.name)
        if wait_s:
            metrics.GATEWAY_LIMITED.labels("key").inc()
            raise _limited(wait_s, f"more than {self.settings.rate_per_s:g} requests a second")
        return caller

    async def _prove(self, presented: str, address: str) -> Caller:
        """Whose key it is, at the price of a slow hash; an address that fails often is not listened to."""
        came = monotonic()
        wait_s = self._failures.take(address)
        if wait_s:
            metrics.GATEWAY_LIMITED.labels("address").inc()
            raise _limited(wait_s, "too many wrong keys from this address")
        caller = await self.keyring.verify(presented)
        if caller is None:
            metrics.GATEWAY_AUTH_FAILURES.inc()
            await asyncio.sleep(came + FAILURE_S - monotonic())
            raise RefusedError("not_authenticated", WRONG_KEY)
        self._failures.give_back(address)
        return caller


def permit(caller: Caller, operation: Operation) -> None:
    """Raise RefusedError unless the key opens the operation."""
    if not caller.key.opens(operation):
        raise RefusedError("not_allowed", f"this key does not open {operation.name}")


def permit_underlying(caller: Caller, underlying: str) -> None:
    """Raise RefusedError unless the key opens the underlying."""
    if not caller.key.opens_underlying(underlying):
        raise RefusedError("not_allowed", f"the key does not open {underlying}")


def _limited(wait_s: float, detail: str) -> RefusedError:
    return RefusedError("limited", detail, 1 + int(wait_s))


def _address(request: Request) -> str:
    """Whoever connects; of IPv6 the network, which has more addresses than any table."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:MAX_ADDRESS]
    return host if address.version == 4 else address.exploded[:NETWORK]
