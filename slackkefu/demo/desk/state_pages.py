"""
What the desk tells its own web page about itself (facts/kefu.md §3.1): agents' writing, the queue, duty hours.

Everything is read from the desk's own state when it is asked for; only what no desk of ours knows is set here.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import trio
from starlette.responses import Response
from starlette.routing import Route

from slackkefu.demo.easemob.accounts import Token
from slackkefu.demo.serve import AnswerLost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from slackkefu.demo.desk.desk import Desk
    from slackkefu.demo.desk.host import HostFault
    from slackkefu.demo.easemob import FakeEasemob, JsonObject

__all__ = ["DeskPages", "PageCall"]

CHANNEL: Final = 17

_FAIL: Final[JsonObject] = {"status": "FAIL", "errorCode": "WEBIM_001", "errorDescription": "no such thing"}


@dataclass(frozen=True, slots=True)
class PageCall:
    """One question."""

    page: str
    """``channels``, ``features``, ``typing``, ``queue``, ``duty``, ``company`` or ``robot``."""
    session: str
    """The service session it was about, if any."""
    at: float
    """Calendar time."""


@final
class DeskPages:
    """
    The pages of one desk.

    Args:
        desk: The desk.
        easemob: Whose tokens some questions want.
        tenant_id: The tenant's number.

    """

    def __init__(self, desk: Desk, easemob: FakeEasemob, *, tenant_id: str) -> None:
        self.calls: list[PageCall] = []
        """What was asked."""
        self.features: dict[str, str] = {"agentInputStateEnable": "Enable", "waitListNumberEnable": "Enable"}
        """By name, ``Enable`` or ``Disable``."""
        self.is_off_duty = False
        self.greeting = ""
        """The company's, as it is handed out."""
        self.robot_greeting: JsonObject = {}
        """The robot's, so."""
        self.says: dict[str, bytes] = {}
        """What a page answers instead of the truth, by page."""
        self._desk = desk
        self._easemob = easemob
        self._tenant_id = tenant_id
        self._typed: dict[str, tuple[int, str]] = {}
        self._faults: defaultdict[str, deque[HostFault]] = defaultdict(deque)
        self.routes = [
            self._route("channels", "/v1/webimplugin/targetChannels", self._channels),
            self._route("features", f"/v1/grayscale/tenants/{tenant_id}", self._features),
            self._route("typing", "/v1/webimplugin/sessions/{session}/agent-input-state", self._typing),
            self._route("queue", "/v1/visitors/waitings/data", self._queue),
            self._route("duty", "/v1/webimplugin/tenants/show-message", self._duty),
            self._route("company", "/v1/webimplugin/welcome", lambda _request: self.greeting),
            self._route("robot", "/v1/webimplugin/tenants/robots/welcome", lambda _request: self.robot_greeting),
        ]

    def __repr__(self) -> str:
        return f"<DeskPages of tenant {self._tenant_id}, {len(self.calls)} calls>"

    def of(self, page: str) -> list[PageCall]:
        """Return the questions to one page."""
        return [call for call in self.calls if call.page == page]

    def fail(self, page: str, fault: HostFault, *, times: int = 1) -> None:
        """Let the next *times* questions to *page* meet *fault*."""
        self._faults[page].extend([fault] * times)

    def recover(self) -> None:
        """Let the faults that are armed not happen."""
        self._faults.clear()

    def types(self, visitor: str, tips: str = "正在输入") -> None:
        """Let the agent who serves *visitor* press a key; without *tips*, stop."""
        session = self._desk.conversation(visitor).session
        if session is not None:
            self._typed[session.id] = self._stamp(), tips

    def _stamp(self) -> int:
        return int(self._easemob.now() * 1000)

    # Answers.

    def _channels(self, _request: Request) -> object:
        org, _, app = self._easemob.app_key.partition("#")
        ours = {"orgName": org, "appName": app, "imServiceNumber": self._desk.service_number, "channelId": CHANNEL}
        return [{**ours, "imServiceNumber": "another", "channelId": CHANNEL - 1}, ours]

    def _features(self, _request: Request) -> object:
        return [{"grayName": name, "status": status} for name, status in self.features.items()]

    def _typing(self, request: Request) -> object:
        query, session = request.query_params, request.path_params["session"]
        token = self._easemob.accounts.judge(query.get("token", ""), now=self._easemob.now())
        if not isinstance(token, Token) or token.user != query.get("userName", "").lower():
            return {**_FAIL, "errorCode": "WEBIM_401"}
        if self._open().get(session, "") != token.user:
            return _FAIL
        stamp, tips = self._typed.get(session, (0, ""))
        return _ok({"service_session_id": session, "input_state_tips": tips, "timestamp": stamp})

    def _queue(self, request: Request) -> object:
        waiting = self._open(waits=True)
        count = len(waiting) if request.query_params.get("serviceSessionId") in waiting else "no"
        return _ok({"visitorUserWaitingNumber": count, "visitorUserWaitingTimestamp": self._stamp()})

    def _duty(self, request: Request) -> object:
        is_ours = request.query_params.get("channelId") == str(CHANNEL)
        return _ok(self.is_off_duty) if is_ours else _FAIL

    def _open(self, *, waits: bool = False) -> dict[str, str]:
        """Return the open service sessions with their visitors, or those that nobody has taken."""
        return {
            each.session.id: each.visitor
            for each in self._desk.conversations.values()
            if each.session is not None and not (waits and each.session.taken_by)
        }

    # From HTTP and back.

    def _route(self, page: str, path: str, answer: Callable[[Request], object]) -> Route:
        return Route(path, self._answering(page, answer), methods=["GET"])

    def _answering(self, page: str, answer: Callable[[Request], object]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            session = request.path_params.get("session") or request.query_params.get("serviceSessionId", "")
            self.calls.append(PageCall(page, session, self._easemob.now()))
            fault = self._faults[page].popleft() if self._faults[page] else None
            if fault is not None:
                await trio.sleep(fault.delay_s)
                if not fault.status:
                    raise AnswerLost
                return Response(fault.body, status_code=fault.status)
            found = self._checked(request, answer)
            said = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
            return Response(self.says.get(page) or said.encode(), media_type="application/json")

        return respond

    def _checked(self, request: Request, answer: Callable[[Request], object]) -> object:
        """Answer, unless it is another tenant's question."""
        return answer(request) if request.query_params.get("tenantId", self._tenant_id) == self._tenant_id else _FAIL


def _ok(entity: object) -> object:
    return {"status": "OK", "entity": entity}
