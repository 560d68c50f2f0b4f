"""The test server's application: state, the middleware that records and misbehaves, and every protocol's routes.

To add a protocol: a module with `add_routes(app)`, and its line in `build_app`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from servers.answers import Answers
from servers.faults import Fault, FaultPlan
from servers.record import Record, Seen

Mount = Callable[[web.Application], None]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class State:
    """What the handlers share. Only the server's own thread touches it, but for the record."""

    answers: Answers
    faults: FaultPlan
    record: Record
    models: tuple[str, ...]
    """Empty: any model's name is served."""
    keys: tuple[str, ...] = ()
    """Keys that are accepted, as bearer or x-api-key; empty: none is needed."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Uploaded files by id: the OpenAI file object and, under "content", its bytes."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Fine-tuning jobs by id."""
    asked: Counter[bytes] = field(default_factory=Counter)
    """How often each content came."""


STATE = web.AppKey("state", State)


def build_app(state: State, mounts: Sequence[Mount] = ()) -> web.Application:
    """The application with all protocols; `mounts` add more."""
    from servers import anthropic_messages, openai_answers, openai_files, openai_graders, openai_tuning

    app = web.Application(middlewares=[record_and_misbehave], client_max_size=1 << 28)
    app[STATE] = state
    for module in (openai_answers, openai_files, openai_tuning, openai_graders, anthropic_messages):
        module.add_routes(app)
    for mount in mounts:
        mount(app)
    app.router.add_get("/stats", _stats)
    return app


async def _stats(request: web.Request) -> web.Response:
    return web.json_response(request.app[STATE].record.stats())


@web.middleware
async def record_and_misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write the request down, wait as planned, and strike where the plan says so."""
    state = request.app[STATE]
    plan = state.faults
    if request.path == "/stats" or not request.path.startswith(plan.paths):
        return await handler(request)
    form = request.content_type.startswith("multipart/")  # its handler reads it in parts
    raw = b"" if form else await request.read()
    content = request.path.encode() + b"\n" + raw
    number = len(state.record.seen)
    fate = plan.fate(number, content, state.asked[content])
    state.asked[content] += 1
    seen = Seen(number, request.method, request.path, _json(raw), dict(request.headers), fate, time.monotonic())
    state.record.enter(seen)
    status = 0
    try:
        await asyncio.sleep(plan.wait(number, content))
        response = refusal(fate, plan, request) if fate else None
        response = response or key_refusal(request, state) or await handler(request)
        status = 0 if fate == "reset" and response.status < 400 else response.status
        return await strike(fate, plan, request, response) if fate else response
    finally:
        state.record.leave(seen, status)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def speaks_anthropic(request: web.Request) -> bool:
    """Whether errors are due in Anthropic's shape."""
    return request.path.startswith("/v1/messages")


def error(request: web.Request, status: int, message: str, kind: str, headers: dict[str, str] | None = None) -> Any:
    """An error in the shape of the provider whose path was asked."""
    body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": None, "code": kind}}
    if speaks_anthropic(request):
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_test"}
    return web.json_response(body, status=status, headers=headers)


def key_refusal(request: web.Request, state: State) -> web.Response | None:
    """401 where keys are wanted and none of them came."""
    given = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
    if state.keys and given not in state.keys:
        response: web.Response = error(request, 401, "Incorrect API key provided.", "authentication_error")
        return response
    return None


def refusal(fault: Fault, plan: FaultPlan, request: web.Request) -> web.Response | None:
    """The answer of a server that does not even begin to work, where `fault` is of that sort."""
    if fault in ("429", "429-after"):
        headers = {"Retry-After": f"{plan.retry_after:g}"} if fault == "429-after" else {}
        return error(request, 429, "Rate limit reached for requests.", "rate_limit_error", headers)
    if fault in ("500", "502", "503"):
        return error(request, int(fault), "The server had an error.", "api_error")
    if fault == "html":
        page = "<!DOCTYPE html><html><body><h1>Checking your browser</h1></body></html>"
        return web.Response(text=page, content_type="text/html")
    return None


async def strike(fault: Fault, plan: FaultPlan, request: web.Request, answer: web.StreamResponse) -> Any:
    """Spoil a finished answer."""
    if fault == "html" or answer.status >= 400 or not isinstance(answer, web.Response):
        return answer
    whole = answer.body if isinstance(answer.body, bytes) else b""
    if fault in ("schema", "empty", "null", "filtered"):
        return web.json_response(spoiled(fault, json.loads(whole)))
    if fault == "truncated":
        return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    await response.prepare(request)
    if fault == "reset":
        await response.write(whole[: len(whole) // 2])
        await asyncio.sleep(0)
        reset(request)
        return response
    for i in range(10):
        await response.write(whole[len(whole) * i // 10 : len(whole) * (i + 1) // 10])
        await asyncio.sleep(plan.drops / 10)
    return response


def reset(request: web.Request) -> None:
    """Break the connection at once, with a TCP reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


def spoiled(fault: Fault, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer of OpenAI's or Anthropic's shape, made wrong; others know only the wrong schema."""
    if "choices" in answer:
        return _spoiled_openai(fault, answer)
    if answer.get("type") == "message":
        return _spoiled_anthropic(fault, answer)
    return {"status": "ok"} if fault == "schema" else answer


def _spoiled_openai(fault: Fault, answer: dict[str, Any]) -> dict[str, Any]:
    if fault == "empty":
        return answer | {"choices": []}
    if fault == "schema":
        return {"id": answer["id"], "choices": {"text": "not a list"}}
    for choice in answer["choices"]:
        if fault == "filtered":
            choice["finish_reason"] = "content_filter"
        if "message" in choice:
            choice["message"]["content"] = None
        else:
            choice["text"] = None
    return answer


def _spoiled_anthropic(fault: Fault, answer: dict[str, Any]) -> dict[str, Any]:
    if fault == "schema":
        return {"id": answer["id"], "type": "message", "content": "not a list"}
    if fault == "filtered":
        return answer | {"content": [], "stop_reason": "refusal"}
    return answer | {"content": [{"type": "text", "text": None}] if fault == "null" else []}
