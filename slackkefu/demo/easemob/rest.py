"""
The REST API of the fake, as an ASGI application (facts/easemob-rest.md).

This module is the edge: paths, tokens, limits, faults and the form of answers. What the calls do is in
``rest_tokens``, ``rest_users`` and ``rest_messages``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from slackkefu.demo.easemob.accounts import AccountError
from slackkefu.demo.easemob.ledger import RestCall
from slackkefu.demo.easemob.rest_call import Answer, Call, failure
from slackkefu.demo.easemob.rest_messages import MESSAGE_CALLS
from slackkefu.demo.easemob.rest_tokens import TOKEN_CALLS, discover
from slackkefu.demo.easemob.rest_users import USER_CALLS
from slackkefu.demo.serve import AnswerLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from slackkefu.demo.easemob.cluster import Cluster

__all__ = ["build_rest"]

_CALLS: Final = {**TOKEN_CALLS, **USER_CALLS, **MESSAGE_CALLS}
"""``(method, path below the app)`` to what carries it out."""


def build_rest(cluster: Cluster) -> Starlette:
    """Make the ASGI application of *cluster*."""
    edge = _Edge(cluster)
    routes = [Route("/easemob/server.json", edge.bound(discover), methods=["GET"])]
    by_path: dict[str, dict[str, Callable[[Call], Awaitable[Answer]]]] = {}
    for (method, path), carry_out in _CALLS.items():
        by_path.setdefault(path, {})[method] = carry_out
    for path, methods in by_path.items():
        routes.extend(
            Route("/{org}/{app}" + path, edge.bound(carry_out), methods=[method])
            for method, carry_out in methods.items()
        )
    routes.append(Route("/{rest:path}", edge.bound(_nowhere), methods=["GET", "POST", "PUT", "DELETE"]))
    return Starlette(routes=routes)


async def _nowhere(call: Call) -> Answer:
    """Answer a URL that does not exist (facts/easemob-rest.md §2.3)."""
    del call
    await trio.lowlevel.checkpoint()
    return failure(500, "web_application", "javax.ws.rs.WebApplicationException")


@final
class _Edge:
    """What happens to every call."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._recent: deque[float] = deque()

    def bound(self, carry_out: Callable[[Call], Awaitable[Answer]]) -> _Endpoint:
        """Return an ASGI endpoint for *carry_out*."""
        return _Endpoint(self, carry_out)

    async def answer(self, call: Call, carry_out: Callable[[Call], Awaitable[Answer]]) -> Answer | None:
        """Return the answer to *call*; None to cut the connection."""
        faults = self._cluster.faults
        if faults.rest_delay_s:
            await trio.sleep(faults.rest_delay_s)
        fault = faults.next_call(call.path)
        answer = Answer(0) if fault is not None and not fault.carried_out else await self._regular(call, carry_out)
        if fault is not None:
            answer = failure(fault.status, fault.error, fault.description)
        self._cluster.ledger.write(
            RestCall(call.method, call.path, answer.status, answer.error, call.params.get("user", "").lower())
        )
        return answer if answer.status else None

    async def _regular(self, call: Call, carry_out: Callable[[Call], Awaitable[Answer]]) -> Answer:
        """Carry *call* out, if the limits and its app allow."""
        if self._over_limit():
            if self._cluster.switches.limit_status == 503:
                return failure(503)
            return failure(429, "reach_limit", "This request has reached api limit")
        if "app" in call.params and (call.params["org"], call.params["app"]) != (self._cluster.org, self._cluster.app):
            path = f"{call.params['org']}/{call.params['app']}"
            return failure(
                self._cluster.switches.unknown_app_status,
                "organization_application_not_found",
                f"Could not find application for {path} from URI: {path}{call.path}",
            )
        try:
            return await carry_out(call)
        except AccountError as exc:
            return failure(exc.status, exc.error, exc.description)

    def _over_limit(self) -> bool:
        """Count a call; tell whether this second has had too many (facts/easemob-rest.md §12.1)."""
        limit = self._cluster.switches.calls_per_second
        if limit is None:
            return False
        now = trio.current_time()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if len(self._recent) >= limit:
            return True
        self._recent.append(now)
        return False


@final
class _Endpoint:
    """One route: from ASGI to :class:`Call` and back."""

    def __init__(self, edge: _Edge, carry_out: Callable[[Call], Awaitable[Answer]]) -> None:
        self._edge = edge
        self._carry_out = carry_out

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer one request.

        Raises:
            AnswerLost: An armed fault breaks the connection.

        """
        request = Request(scope, receive)
        call = await Call.read(self._edge._cluster, request)  # noqa: SLF001 -- two halves of one module
        answer = await self._edge.answer(call, self._carry_out)
        if answer is None:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{", "more_body": True})
            raise AnswerLost
        response = Response(answer.render(call), status_code=answer.status, media_type=answer.media_type)
        response.headers.update(answer.headers)
        await response(scope, receive, send)
