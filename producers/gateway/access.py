"""Who may ask: the presented key, then how often, then what. Failures are alike, slow and counted."""

import asyncio
from dataclasses import dataclass, field
from ipaddress import ip_address

from starlette.requests import Request

from engine import metrics
from producers.gateway.keys import Caller, Keyring
from producers.gateway.limits import Limiter
from producers.gateway.operations import Operation
from producers.gateway.refusals import RefusedError
from producers.gateway.settings import GatewaySettings

FAILURE_S = 0.5
"""Every failure is answered so long after it came."""
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
        caller = self.keyring.verify(presented)
        if caller is None:
            raise await self._failed(network(request.client.host if request.client else ""))
        wait_s = self._requests.take(caller.name)
        if wait_s:
            metrics.GATEWAY_LIMITED.labels("key").inc()
            raise _limited(wait_s, f"more than {self.settings.rate_per_s:g} requests a second")
        return caller

    async def _failed(self, address: str) -> RefusedError:
        """What a wrong key is told; one that is right is let in whatever else comes from its address."""
        metrics.GATEWAY_AUTH_FAILURES.inc()
        wait_s = self._failures.take(address)
        await asyncio.sleep(FAILURE_S)
        if wait_s:
            metrics.GATEWAY_LIMITED.labels("address").inc()
            return _limited(wait_s, "too many wrong keys from this address")
        return RefusedError("not_authenticated", WRONG_KEY)


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


def network(host: str) -> str:
    """Who connects, as it is counted: of IPv6 the network, which has more addresses than any table."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host[:MAX_ADDRESS]
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or address.exploded[:NETWORK])
