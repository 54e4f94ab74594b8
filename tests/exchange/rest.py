"""REST of the stand-in: a request to its answer, through the faults."""

import asyncio
import inspect
import json
from typing import Any

from aiohttp import web

from tests.exchange.faults import (
    Action,
    Hangs,
    NotJson,
    RateLimited,
    Rejected,
    RestFault,
    ServerError,
    Unavailable,
)
from tests.exchange.orders import Refused
from tests.exchange.venue import Call, Route, Venue

PAGE = "<html><head><title>Sorry</title></head><body>The page is not available.</body></html>"
SIGNED: frozenset[Action] = frozenset(
    {"create", "query", "cancel", "trades", "open_orders", "income", "balance", "positions", "stream"}
)


async def call_of(request: web.Request, path: str) -> Call:
    """What a request asks for. A JSON body's first object counts as asked too."""
    asked = dict(request.query)
    items: list[dict[str, Any]] = []
    if request.content_type == "application/json":
        body = json.loads(await request.text() or "{}")
        items = body if isinstance(body, list) else [body]
        asked.update({name: str(value) for name, value in items[0].items()} if items else {})
    elif request.can_read_body:
        asked.update({name: str(value) for name, value in (await request.post()).items()})
    return Call(request.method, path, asked, items, request.headers)


async def answer(venue: Venue, request: web.Request, path: str) -> web.StreamResponse:
    """One request, and what goes wrong with it."""
    call = await call_of(request, path)
    route = venue.routes().get((call.method, path))
    if route is None:
        venue.unknown.append(f"{call.method} {path}")
        return web.Response(status=404, text=PAGE, content_type="text/html")
    venue.requests.append(route.action)
    fault = venue.faults.take(route.action)
    await asyncio.sleep(venue.faults.delay_s)
    if fault is None:
        return _json(*await _carry_out(venue, route, call))
    if fault.done:
        await _carry_out(venue, route, call)
    return await _spoilt(venue, request, route, call, fault)


async def _spoilt(venue: Venue, request: web.Request, route: Route, call: Call, fault: RestFault) -> web.Response:
    match fault:
        case RateLimited(retry_after_s):
            headers = {"Retry-After": str(retry_after_s)} if venue.states_retry_after else {}
            return web.json_response(venue.rate_limited(), status=429, headers=headers)
        case ServerError(status):
            return web.Response(status=status, text=PAGE, content_type="text/html")
        case NotJson():
            return web.Response(text=PAGE, content_type="text/html")
        case Rejected(reason):
            return _json(*venue.refusal(route.action, reason, call))
        case Unavailable():
            return _json(*venue.unavailable())
        case Hangs():
            await asyncio.Event().wait()
    if request.transport is not None:  # an answer or a request is lost: what is returned is written nowhere
        request.transport.abort()
    return web.Response()


async def _carry_out(venue: Venue, route: Route, call: Call) -> tuple[int, Any]:
    try:
        if route.action in SIGNED:
            venue.check(call)
        body = route.answer(call)
        return 200, await body if inspect.isawaitable(body) else body
    except Refused as refused:
        return venue.refusal(route.action, refused.reason, call)


def _json(status: int, body: Any) -> web.Response:
    return web.json_response(body, status=status)
