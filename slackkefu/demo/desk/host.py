"""
The desk's own host: the second channel (facts/kefu.md §3.2), ends of sessions (§1.9), files (§2.7), its state (§3.1).

A visitor's messages come in by ``POST /v1/imgateway/messages``, and what was said to a visitor is handed out by
``GET``, to each ``tabId`` by itself. It is one desk with the one behind Easemob: what was heard by both ways is known
by its ``msg_id_for_ack``, and what is said goes out by both.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, final

import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from slackkefu.demo.desk.media import MediaHost
from slackkefu.demo.desk.state_pages import DeskPages
from slackkefu.demo.easemob import ImMessage
from slackkefu.demo.serve import AnswerLost

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from slackkefu.demo.desk.desk import Desk
    from slackkefu.demo.easemob import FakeEasemob, JsonObject

__all__ = ["HostCall", "HostFault", "KefuHost"]

KEPT: Final = 100
"""Messages kept for a visitor; how many kefu keeps, and for how long, is not known."""


@dataclass(frozen=True, slots=True)
class HostCall:
    """One request and what came of it."""

    method: str
    visitor: str
    tab: str
    """The ``tabId`` of a GET."""
    status: int
    """HTTP status; 0 when the connection broke in the answer."""
    ids: tuple[str, ...]
    """What it sent or was handed out: ``msg_id_for_ack``, or the ``msgId`` of each."""


@dataclass(frozen=True, slots=True)
class HostFault:
    """What happens to a request instead of its answer."""

    status: int = 0
    """HTTP status; 0 breaks the connection."""
    body: bytes = b""
    carried_out: bool = False
    """The request takes effect, and only its answer is replaced."""
    delay_s: float = 0.0
    """Before anything happens."""


@final
@dataclass(slots=True)
class _Listed:
    """What was said to one visitor."""

    messages: deque[tuple[int, int, JsonObject]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Number, server id, and the message as it is handed out."""
    last: int = 0
    read: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """The last number handed out, by ``tabId``."""


@final
class KefuHost:
    """
    The host of one desk.

    Args:
        desk: The desk.
        easemob: Knows what was delivered over IM.
        tenant_id: The tenant's number.

    """

    def __init__(self, desk: Desk, easemob: FakeEasemob, *, tenant_id: str = "1001") -> None:
        self.tenant_id = tenant_id
        self.calls: list[HostCall] = []
        """What was asked."""
        self.comments: list[tuple[str, JsonObject]] = []
        """What visitors think of robots' answers: whose, and what."""
        self._desk = desk
        self._easemob = easemob
        self._faults: defaultdict[str, deque[HostFault]] = defaultdict(deque)
        self._listed: defaultdict[str, _Listed] = defaultdict(_Listed)
        self.media = MediaHost()
        """The files that lie on this host."""
        self.stopped: list[str] = []
        """The service sessions that visitors have ended."""
        self.pages = DeskPages(desk, easemob, tenant_id=tenant_id)
        """What it tells of itself."""
        self.asgi = Starlette(
            routes=[
                Route("/v1/imgateway/messages", self._Endpoint(self), methods=["GET", "POST"]),
                Route(
                    f"/v1/webimplugin/tenants/{tenant_id}/robot-agents/{{robot}}/satisfaction-comment",
                    self._comment,
                    methods=["POST"],
                ),
                Route("/v1/webimplugin/servicesessions/{session}/stop", self._stop, methods=["POST"]),
                *self.pages.routes,
                Route("/{path:path}", self.media, methods=["GET"]),
            ]
        )
        desk.listen(self._list)

    def __repr__(self) -> str:
        return f"<KefuHost of tenant {self.tenant_id}, {len(self.calls)} calls>"

    def fail(self, method: str, fault: HostFault, *, times: int = 1) -> None:
        """Let the next *times* requests of *method* meet *fault*, after those already armed."""
        self._faults[method].extend([fault] * times)

    def keeps(self, name: str, content: bytes, *, content_type: str = "", is_sized: bool = True) -> str:
        """Keep a file as an agent's upload is kept; return its path (facts/kefu.md §2.7)."""
        path = f"/v1/Tenant/{self.tenant_id}/MediaFiles/{name}"
        return self.media.keeps(path, content, content_type=content_type, is_sized=is_sized)

    def of(self, method: str) -> list[HostCall]:
        """Return the requests of *method*."""
        return [call for call in self.calls if call.method == method]

    def _list(self, message: ImMessage, server_id: int) -> None:
        """Keep a message for whoever asks."""
        listed = self._listed[message.to]
        listed.last += 1
        entity = {
            "from": message.sender,
            "to": message.to,
            "bodies": [{"type": message.type, **message.body}],
            "ext": message.ext,
        }
        listed.messages.append((listed.last, server_id, entity))

    def _send(self, request: JsonObject) -> tuple[str, tuple[str, ...], JsonObject]:
        """Carry out a POST."""
        org, _, app = self._easemob.app_key.partition("#")
        visitor = str(request.get("from") or "").lower()
        expected = {"to": self._desk.service_number, "tenantId": self.tenant_id, "orgName": org, "appName": app}
        if not visitor or not expected.items() <= request.items():
            return visitor, (), {"status": "FAIL", "errorCode": "IMGATEWAY_001", "errorDescription": "no such channel"}
        ext = request.get("ext") or {}
        for body in request["bodies"]:
            fields = {name: value for name, value in body.items() if name != "type"}
            self._desk.take(ImMessage(visitor, self._desk.service_number, body["type"], fields, ext))
        return visitor, (str(ext.get("weichat", {}).get("msg_id_for_ack") or ""),), {"status": "OK"}

    def _receive(self, query: JsonObject) -> tuple[str, tuple[str, ...], JsonObject]:
        """Carry out a GET."""
        visitor, tab = query.get("visitorEasemobId", "").lower(), query.get("tabId", "")
        if (query.get("tenantId"), query.get("easemobId")) != (self.tenant_id, self._desk.service_number):
            return visitor, (), {"status": "FAIL", "errorCode": "IMGATEWAY_001", "errorDescription": "no such channel"}
        listed = self._listed[visitor]
        entities = [
            entity
            for number, server_id, entity in listed.messages
            if number > listed.read[tab]
            and (self._desk.switches.lists_delivered or not self._easemob.delivered(visitor, server_id))
        ]
        if self._desk.switches.reading_acknowledges:
            listed.read[tab] = listed.last
        ids = tuple(str(entity["ext"].get("weichat", {}).get("msgId") or "") for entity in entities)
        return visitor, ids, {"status": "OK", "entities": entities}

    async def _comment(self, request: Request) -> Response:
        """Take what a visitor thinks of an answer, once for each (facts/kefu.md §3.1)."""
        comment = await request.json()
        key = comment.get("satisfactionCommentKey")
        answer: JsonObject = {"status": "OK"}
        if any(each["satisfactionCommentKey"] == key for _, each in self.comments):
            answer = {"status": "FAIL", "errorCode": "KEFU_ROBOT_INTEGRATION_0207"}
        else:
            self.comments.append((request.path_params["robot"], comment))
        return Response(json.dumps(answer), media_type="application/json")

    async def _stop(self, request: Request) -> Response:
        """End a service session, as the visitor whose it is may."""
        await trio.lowlevel.checkpoint()
        session = request.path_params["session"]
        open_ones = self._desk.conversations.values()
        owner = next((each for each in open_ones if each.session is not None and each.session.id == session), None)
        if owner is None or request.query_params.get("tenantId") != self.tenant_id:
            return Response(json.dumps({"status": "FAIL", "errorCode": "WEBIM_001"}), media_type="application/json")
        self.stopped.append(session)
        self._desk.closes(owner.visitor)
        return Response(json.dumps({"status": "OK"}), media_type="application/json")

    async def _answer(self, request: Request) -> Response:
        """
        Answer one request.

        Raises:
            AnswerLost: An armed fault breaks the connection.

        """
        armed = self._faults[request.method]
        fault = armed.popleft() if armed else None
        if fault is not None:
            await trio.sleep(fault.delay_s)
        query = dict(request.query_params)
        call = HostCall(request.method, query.get("visitorEasemobId", ""), query.get("tabId", ""), 0, ())
        answer: JsonObject = {}
        if fault is None or fault.carried_out:
            done = self._send(await request.json()) if request.method == "POST" else self._receive(query)
            visitor, ids, answer = done
            call = replace(call, visitor=visitor, ids=ids)
        self.calls.append(replace(call, status=200 if fault is None else fault.status))
        if fault is None:
            return Response(json.dumps(answer, ensure_ascii=False), media_type="application/json")
        if not fault.status:
            raise AnswerLost
        return Response(fault.body, status_code=fault.status)

    class _Endpoint:
        """The one route: from ASGI and back."""

        def __init__(self, host: KefuHost) -> None:
            self._host = host

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            """Answer one request."""
            response = await self._host._answer(Request(scope, receive))  # noqa: SLF001 - two halves of one class
            await response(scope, receive, send)
