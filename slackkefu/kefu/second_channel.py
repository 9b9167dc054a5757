"""
The second channel (第二通道): kefu's own way in and out for one visitor, beside the IM connection (facts/kefu.md §3.2).

Calls of the API that Easemob's web widget uses: one sends a message as a visitor, one hands out what the desk said to a
visitor; and beside the two, one ends a service session as the visitor may (facts/kefu.md §1.9). It asks for no password
and no login, and is not documented: whatever looks unlike what we know is
:class:`~slackkefu.errors.KefuUnavailable`, and the caller goes on without.

Reading may be what acknowledges: what :meth:`SecondChannel.receive` returns may never be handed out again. As far as is
known it acknowledges for one ``tabId``, so that each tab of a browser gets everything (facts/kefu.md §3.2). So after an
answer that was lost a visitor is asked for under a new one, and what was in it comes again, in order; where kefu counts
otherwise it comes by IM, behind what was said later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote, urlencode

import msgspec
import structlog
import trio

from slackkefu.easemob.bodies import write_body
from slackkefu.easemob.exchange import exchange
from slackkefu.easemob.ext import mended
from slackkefu.easemob.message import Accepted, CommandBody, TextBody
from slackkefu.easemob.pace import Pace
from slackkefu.errors import KefuOutcomeUnknown, KefuRefused, KefuUnavailable, RestOutcomeUnknown, SlackkefuError
from slackkefu.kefu.fields import entries, name_of
from slackkefu.kefu.im_json import read_entity, read_received, write_entity
from slackkefu.kefu.recovery import after_send_call

if TYPE_CHECKING:
    from slackkefu.easemob.message import Body, IncomingMessage, Json, OutgoingMessage
    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.world import World

__all__ = ["Received", "SecondChannel", "SecondChannelStatistics"]

log = structlog.get_logger()

EXCHANGE_S: Final = 10.0
"""Time limit of one request."""
MAX_BYTES: Final = 4 << 20
CALLS_PER_SECOND: Final = 20.0
"""All calls together; kefu's limits are not published."""

NEW_TABS: Final = 5
"""So many answers lost in a row make a new ``tabId`` each: with it the answer may be longer, and at last too long."""

KNOWN_TABS: Final = 10_000
"""For so many visitors a ``tabId`` of their own is known; who is forgotten has the common one again."""

_COMMENT: Final = "POST satisfaction-comment"
_PATH: Final = "/v1/imgateway/messages"
_SEND: Final = "POST imgateway/messages"
_RECEIVE: Final = "GET imgateway/messages"
_SESSIONS: Final = "/v1/webimplugin/servicesessions"
_STOP: Final = "POST servicesessions/stop"


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the desk's."""

    message: IncomingMessage
    content: bytes = field(repr=False)
    """The same as JSON, as :func:`~slackkefu.kefu.im_json.read_received` reads it."""


@dataclass(frozen=True, slots=True)
class SecondChannelStatistics:
    """What the second channel has done since the start."""

    requests: int
    """Requests, repeats included."""
    received: int
    """Messages that were handed out, those known from elsewhere included."""
    malformed: int
    """Of these, passed over because nobody can read them."""


@final
class SecondChannel:
    """
    One tenant's second channel.

    Args:
        world: Network and calendar.
        url: Address of the desk, without a slash at the end.
        tenant_id: The tenant's number.
        app_key: The app that the service number belongs to.
        service_number: To whom visitors write.

    """

    def __init__(self, *, world: World, url: str, tenant_id: str, app_key: AppKey, service_number: ImUser) -> None:
        self._address = url + _PATH
        self._sessions = url + _SESSIONS
        self._tenant_id = tenant_id
        self._app_key = app_key
        self._service_number = service_number
        self._tenant_url = f"{url}/v1/webimplugin/tenants/{quote(tenant_id, safe='')}"
        # As the widget makes it: when the page was opened, in milliseconds. Two daemons, or two lives of one, are two.
        self._tab_id = int(world.wall() * 1000)
        self._wall = world.wall
        # Of visitors for whom an answer was lost; and how many in a row.
        self._tabs: dict[ImUser, int] = {}
        self._lost: dict[ImUser, int] = {}
        self._last_tab = self._tab_id
        self._http = world.network.http_client(base_url="", timeout_s=EXCHANGE_S)
        self._pace = Pace(CALLS_PER_SECOND)
        self._requests = 0
        self._received = 0
        self._malformed = 0

    def __repr__(self) -> str:
        return f"<SecondChannel of tenant {self._tenant_id}, {self._requests} requests>"

    def forget(self, visitor: ImUser) -> None:
        """Know nothing of *visitor* any more."""
        self._tabs.pop(visitor, None)
        self._lost.pop(visitor, None)

    @staticmethod
    def carries(body: Body) -> bool:
        """Tell whether a body can go this way; files would have to be uploaded to kefu first (facts/kefu.md §1.4)."""
        return isinstance(body, TextBody | CommandBody)

    async def send(self, visitor: ImUser, message: OutgoingMessage) -> Accepted:
        """
        Send *message* as *visitor*, again after a lost answer: the desk knows it by its ``msg_id_for_ack``.

        What this way does not carry, a file, is replaced by what may go instead.

        A cancellation may leave it sent.

        Raises:
            KefuRefused: The desk does not take it.
            KefuUnavailable: Not by this way, at least not now; it was not taken.
            KefuOutcomeUnknown: No usable answer came to any attempt.
            ConnectFailed: It never left.
            LocalProtocolError: It is of a kind that cannot be written.

        """
        request = {
            "from": visitor,
            "to": self._service_number,
            "tenantId": self._tenant_id,
            "bodies": [write_body(message.body if self.carries(message.body) else message.instead or message.body)],
            "ext": mended(message.ext),
            "orgName": self._app_key.org,
            "appName": self._app_key.app,
            "originType": "webim",
        }
        address = f"{self._address}?{urlencode({'tenantId': self._tenant_id})}"
        content = msgspec.json.encode(request)
        failures = 0
        while True:
            try:
                await self._call(_SEND, "POST", address, content)
            except SlackkefuError as error:
                failures += 1
                pause_s = after_send_call(error, failures=failures)
                if pause_s is None:
                    raise
            else:
                return Accepted(message.meta_id, 0, 0)
            await trio.sleep(pause_s)

    async def rate_answer(self, robot_id: str, key: str, *, is_useful: bool) -> None:
        """
        Say whether a robot's answer was useful, asking once (facts/kefu.md §2.4, §3.1).

        Args:
            robot_id: Who gave the answer.
            key: The answer's ``satisfactionCommentInfo``.
            is_useful: What the visitor thinks of it.

        Raises:
            KefuOutcomeUnknown: It may have been taken.
            KefuRefused: The desk does not take it, for instance because it was rated before.
            KefuUnavailable: Not by this way, at least not now.
            ConnectFailed: It was not asked.

        """
        address = f"{self._tenant_url}/robot-agents/{quote(robot_id, safe='')}/satisfaction-comment"
        comment = {"satisfactionCommentKey": key, "type": 1 if is_useful else 2}
        await self._call(_COMMENT, "POST", address, msgspec.json.encode(comment))

    async def receive(self, visitor: ImUser) -> tuple[Received, ...]:
        """
        Take what the desk has for *visitor*, asking once.

        After a cancellation, or an error other than the last two, what was handed out may be gone.

        Raises:
            KefuOutcomeUnknown: No usable answer came.
            KefuRefused: The desk does not say.
            KefuUnavailable: Not by this way, at least not now.
            ConnectFailed: It was not asked.

        """
        query = {
            "orgName": self._app_key.org,
            "appName": self._app_key.app,
            "easemobId": self._service_number,
            "tenantId": self._tenant_id,
            "visitorEasemobId": visitor,
            "tabId": self._tabs.get(visitor, self._tab_id),
        }
        try:
            answer = await self._call(_RECEIVE, "GET", f"{self._address}?{urlencode(query)}", None)
        except KefuOutcomeUnknown:
            self._note_lost(visitor)
            raise
        self._lost.pop(visitor, None)
        received = []
        for entity in entries(answer.get("entities")):
            self._received += 1
            try:
                received.append(_read(entity, visitor))
            except ValueError as error:
                self._malformed += 1
                log.warning(
                    "kefu.unreadable", visitor=visitor, problem=str(error), meaning="if it was an answer, it is lost"
                )
        return tuple(received)

    async def stop(self, session_id: str) -> None:
        """
        End a service session, asking once. That it has ended is told as always, by its event.

        Whether the desk wants the visitor's IM token for this is not known (facts/kefu.md §3.1); it gets none, since
        that token is for Easemob.

        Raises:
            KefuOutcomeUnknown: It may have ended.
            KefuRefused: The desk does not end it.
            KefuUnavailable: Not by this way, at least not now.
            ConnectFailed: It was not asked.

        """
        query = urlencode({"tenantId": self._tenant_id})
        await self._call(_STOP, "POST", f"{self._sessions}/{quote(session_id, safe='')}/stop?{query}", b"{}")

    def statistics(self) -> SecondChannelStatistics:
        """Count."""
        return SecondChannelStatistics(requests=self._requests, received=self._received, malformed=self._malformed)

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    def _note_lost(self, visitor: ImUser) -> None:
        """Ask for *visitor* under a new ``tabId`` from now on, unless that was in vain too often."""
        lost = self._lost[visitor] = self._lost.get(visitor, 0) + 1
        if lost <= NEW_TABS:
            self._last_tab = self._tabs[visitor] = max(int(self._wall() * 1000), self._last_tab + 1)
        if len(self._tabs) > KNOWN_TABS:
            oldest = next(iter(self._tabs))
            del self._tabs[oldest]
            self._lost.pop(oldest, None)

    async def _call(self, call: str, method: str, address: str, content: bytes | None) -> Mapping[str, Json]:
        """Make one request when its turn comes, and read whether it went well."""
        headers = {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        await self._pace.turn()
        self._requests += 1
        try:
            status, raw = await exchange(
                self._http,
                method,
                address,
                call=call,
                headers=headers,
                content=content,
                limit_s=EXCHANGE_S,
                max_bytes=MAX_BYTES,
            )
        except RestOutcomeUnknown as error:
            raise KefuOutcomeUnknown(call, error.reason) from error
        return _read_answer(call, status, raw)


def _read_answer(call: str, http_status: int, raw: bytes) -> Mapping[str, Json]:
    """
    Read an answer, ``{"status": "OK", …}`` (facts/kefu.md §3).

    Only this API answers with a word as ``status``: a page, or the error of a gateway or of the framework behind it,
    has none, and says that nothing was carried out; but for a gateway that may have passed the request on.
    """
    try:
        answer = read_received(raw)
    except ValueError:
        answer = {}
    said = answer.get("status")
    if not isinstance(said, str) or not said:
        kind = KefuOutcomeUnknown if http_status >= 500 and http_status != 503 else KefuUnavailable
        raise kind(call, f"HTTP {http_status}")
    if said.upper() != "OK":
        code = name_of(answer.get("errorCode")) or ""
        raise KefuRefused(call, " ".join(filter(None, (_short(said), _short(code)))))
    return answer


def _short(word: str) -> str:
    """Return a word of the desk's as far as it may be shown."""
    return "".join(character for character in word if character.isalnum() or character == "_")[:40]


def _read(entity: Json, visitor: ImUser) -> Received:
    if not isinstance(entity, Mapping):
        raise ValueError("no object")  # noqa: TRY004 - it is about the content
    return Received(read_entity(entity, visitor=visitor), write_entity(entity))
