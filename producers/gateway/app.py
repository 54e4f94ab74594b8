"""The gateway's routes. What they have in common is in one place: who asks, how much, and how a refusal is answered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from re import fullmatch
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engine import metrics
from engine.log.port import Log, LogError
from engine.wire.codec import MAX_INPUT_BYTES
from producers.gateway.access import Access, permit, permit_underlying
from producers.gateway.keys import Caller
from producers.gateway.once import Once, Written
from producers.gateway.openapi import KEY_PATTERN, document
from producers.gateway.operations import OPERATIONS, OWN_IDS, Operation, read_json, to_input
from producers.gateway.outcome import find_outcome
from producers.gateway.page import page
from producers.gateway.refusals import RefusedError

MAX_BODY_BYTES = MAX_INPUT_BYTES
BODY_DEADLINE_S = 10.0
OUTCOME_DEADLINE_S = 15.0
ONLY_ONCE = (b"authorization", b"idempotency-key", b"content-type")
PAGE_HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_log = structlog.get_logger("levtao.gateway")

Work = Callable[[Request, Caller], Awaitable[Response]]
Missing = Callable[[], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Answers requests. `partitions` says where each underlying lives; `missing` what it cannot do without."""

    access: Access
    once: Once
    log: Log
    partitions: Mapping[str, int]
    missing: Missing
    body_deadline_s: float = BODY_DEADLINE_S

    def app(self) -> Starlette:
        """The application: a route for each operation, what everybody may read, and health."""
        described = document()
        shown = page(described)

        async def openapi(_: Request) -> Response:
            return JSONResponse(described, headers=HEADERS)

        async def home(_: Request) -> Response:
            return HTMLResponse(shown, headers=HEADERS | PAGE_HEADERS)

        routes = [Route(each.path, self._answered(each.path, self._written(each)), methods=["POST"]) for each in _ALL]
        routes += [
            Route("/v1/whoami", self._answered("/v1/whoami", self._whoami)),
            Route("/v1/outcomes/{request_id}", self._answered("/v1/outcomes", self._outcome)),
            Route("/openapi.json", openapi),
            Route("/livez", _live),
            Route("/readyz", self._ready),
            Route("/", home),
        ]
        made = Starlette(
            routes=routes, middleware=[Middleware(_Unambiguous)], exception_handlers={HTTPException: _no_route}
        )
        made.router.redirect_slashes = False
        return made

    def _answered(self, route: str, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """`work` for whoever has a key, its refusals as answers, and all of it counted."""

        async def answer(request: Request) -> Response:
            role, outcome = "none", "failed"
            try:
                caller = await self.access.caller(request)
                role = caller.key.role
                with metrics.GATEWAY_SECONDS.labels(route).time():
                    response = await work(request, caller)
                outcome = "done"
            except RefusedError as refused:
                outcome, response = refused.reason, _refusal(refused)
            finally:
                metrics.GATEWAY_REQUESTS.labels(route, role, outcome).inc()
            return response

        return answer

    def _written(self, operation: Operation) -> Work:
        async def write(request: Request, caller: Caller) -> Response:
            permit(caller, operation)
            request_id = request.headers.get("idempotency-key", "")
            body = await self._body(request)
            given = to_input(operation, body, caller.author, self.partitions)
            permit_underlying(caller, given.underlying)
            done = await self.once.submit(caller.name, request_id, given, self.partitions[given.underlying])
            _note(operation, caller, request_id, done)
            return JSONResponse(done.answer(request_id), 202, HEADERS)

        return write

    async def _body(self, request: Request) -> dict[str, Any]:
        """The JSON object of the body. Raises RefusedError where it is too large, too slow, or something else."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError("not_json_type", "the content type is not application/json")
        received = bytearray()
        try:
            async with asyncio.timeout(self.body_deadline_s):
                async for chunk in request.stream():
                    received += chunk
                    if len(received) > MAX_BODY_BYTES:
                        raise RefusedError("too_large", f"the body has more than {MAX_BODY_BYTES} bytes")
        except TimeoutError:
            raise RefusedError("slow_body", f"the body was not there within {self.body_deadline_s:g} s") from None
        except ClientDisconnect:
            raise RefusedError("slow_body", "the client went away") from None
        body = read_json(bytes(received))
        if not isinstance(body, dict):
            raise RefusedError("not_json", "the body is no JSON object")
        return body

    async def _whoami(self, _: Request, caller: Caller) -> Response:
        opened = [operation.name for operation in _ALL if caller.key.opens(operation)]
        key = caller.key
        whose = {"key": caller.name, "role": key.role, "participant": key.participant}
        return JSONResponse(whose | {"underlyings": key.underlyings, "operations": opened}, headers=HEADERS)

    async def _outcome(self, request: Request, caller: Caller) -> Response:
        request_id = request.path_params["request_id"]
        who = request.query_params.get("key", caller.name)
        if not fullmatch(KEY_PATTERN, who):
            raise RefusedError("request_id", f"key: an id of the form {KEY_PATTERN}")
        if who != caller.name and caller.key.role == "participant":
            raise RefusedError("not_allowed", "a participant's key shows its own requests only")
        known = await self.once.known(who, request_id)
        if known is None:
            raise RefusedError("unknown_request", f"no request {request_id} of {who} within the last day")
        permit_underlying(caller, known.underlying)
        position = known.position
        try:
            async with asyncio.timeout(OUTCOME_DEADLINE_S):
                found = await find_outcome(self.log, position, wait_s=0)
        except (LogError, TimeoutError) as error:
            raise RefusedError("unavailable", f"reading the outputs: {error!r}", 1) from None
        told = {"status": "pending", "code": None, "detail": None} if found is None else found.told()
        events = [] if found is None else _seen(found.events, caller)
        place = {"request_id": request_id, "partition": position.partition, "offset": position.offset}
        return JSONResponse(place | told | {"events": events}, headers=HEADERS)

    async def _ready(self, _: Request) -> Response:
        missing = await self.missing()
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200, HEADERS)


_ALL = tuple(OPERATIONS.values())


class _Unambiguous:
    """Lets requests through whose head can be read in one way: a proxy may have read it in another."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = [name for name, _ in scope["headers"]]
        lengths = names.count(b"content-length") + names.count(b"transfer-encoding")
        if lengths <= 1 and all(names.count(name) <= 1 for name in ONLY_ONCE):
            return await self.app(scope, receive, send)
        refused = RefusedError("ambiguous_head", "two lengths, or a header twice that is read once")
        metrics.GATEWAY_REQUESTS.labels("any", "none", refused.reason).inc()
        return await _refusal(refused)(scope, receive, send)


def _seen(events: Sequence[dict[str, Any]], caller: Caller) -> list[dict[str, Any]]:
    """Of what an input caused, a participant is shown what is about its own requests."""
    own = f"{caller.key.participant}/"
    return [
        event
        for event in events
        if caller.key.role != "participant"
        or event["type"] in ("input_refused", "dead_letter")
        or any(str(event.get(name, "")).startswith(own) for name in OWN_IDS)
    ]


def _note(operation: Operation, caller: Caller, request_id: str, done: Written) -> None:
    _log.info(
        "written",
        operation=operation.name,
        key=caller.name,
        request_id=request_id,
        partition=done.position.partition,
        offset=done.position.offset,
        repeated=done.repeated,
    )


def _refusal(refused: RefusedError) -> Response:
    """A refusal as an answer. What is left of a body nobody reads is not waited for."""
    headers = dict(HEADERS)
    if refused.retry_after_s is not None:
        headers["retry-after"] = str(refused.retry_after_s)
    if refused.reason == "not_authenticated":
        headers["www-authenticate"] = "Bearer"
    if refused.reason in ("slow_body", "too_large", "ambiguous_head"):
        headers["connection"] = "close"
    return JSONResponse({"reason": refused.reason, "detail": refused.detail}, refused.status, headers)


async def _no_route(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        refusal = _refusal(RefusedError("wrong_method", "not with this method; / tells with which"))
        refusal.headers.update(error.headers or {})
        return refusal
    return _refusal(RefusedError("unknown_route", "there is nothing here; / tells what there is"))


async def _live(_: Request) -> Response:
    return JSONResponse({"alive": True}, headers=HEADERS)
