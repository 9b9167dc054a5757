"""
How the desk is: does an agent write, how many wait, is it off duty, how does it greet (facts/kefu.md §2.10, §3.1).

None of it is pushed; the desk's own web page asks for it, by an API that is not documented. So every answer is
optional: one that looks unlike what we know is :class:`~slackkefu.errors.KefuUnavailable`, and whoever asked goes on
without. Each call asks once; when to ask again is for the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final
from urllib.parse import quote, urlencode

from slackkefu.easemob.exchange import exchange
from slackkefu.easemob.pace import Pace
from slackkefu.errors import KefuError, KefuOutcomeUnknown, KefuRefused, KefuUnavailable, RestOutcomeUnknown
from slackkefu.kefu.fields import at, entries, name_of, number, words
from slackkefu.kefu.greetings import company_greeting, robot_greetings
from slackkefu.kefu.im_json import read_value

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json
    from slackkefu.easemob.names import AppKey, ImUser
    from slackkefu.easemob.rest import UserToken
    from slackkefu.kefu.second_channel import Received
    from slackkefu.world import World

__all__ = ["QUEUE", "TYPING", "DeskState", "DeskStateStatistics", "Typing", "Waiting"]

EXCHANGE_S: Final = 5.0
"""Time limit of one question: a later answer would be an old one."""
MAX_BYTES: Final = 1 << 20
CALLS_PER_SECOND: Final = 20.0

TYPING: Final = "agentInputStateEnable"
QUEUE: Final = "waitListNumberEnable"
"""What the desk calls these features of its own (facts/kefu.md §3.1)."""

_HTTP_OK: Final = 200
_HTTP_SERVER_ERROR: Final = 500
_UNLIKE: Final = "something else than we know"


@dataclass(frozen=True, slots=True)
class Typing:
    """What the desk says of an agent's writing."""

    stamp: int
    """When, on the desk's clock; only a newer one is news."""
    is_typing: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the desk says of the queue."""

    stamp: int
    """When, on the desk's clock; only a newer one is news."""
    count: int
    """How many wait; 0 where it is "no"."""


@dataclass(frozen=True, slots=True)
class DeskStateStatistics:
    """What was asked since the start."""

    requests: int
    answered: int
    """Of these, with an answer of the desk's."""


class Tokens(Protocol):
    """Where the tokens of visitors are; the part of :class:`~slackkefu.easemob.rest.RestClient`."""

    async def user_token(self, user: ImUser, /) -> UserToken:
        """Return what logs *user* in."""
        ...


@final
class DeskState:
    """
    Asks how one tenant's desk is.

    Args:
        world: Network.
        url: Address of the desk, without a slash at the end.
        tenant_id: The tenant's number.
        app_key: The app that the service number belongs to.
        service_number: To whom visitors write.
        tokens: Visitors' tokens, which some questions want.

    """

    def __init__(
        self, *, world: World, url: str, tenant_id: str, app_key: AppKey, service_number: ImUser, tokens: Tokens
    ) -> None:
        self._url = url
        self._tenant_id = tenant_id
        self._app_key = app_key
        self._service_number = service_number
        self._tokens = tokens
        self._http = world.network.http_client(base_url="", timeout_s=EXCHANGE_S)
        self._pace = Pace(CALLS_PER_SECOND)
        self._channel_id: str | None = None
        self._requests = 0
        self._answered = 0

    def __repr__(self) -> str:
        return f"<DeskState of tenant {self._tenant_id}, {self._requests} requests>"

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        await self._http.aclose()

    def statistics(self) -> DeskStateStatistics:
        """Count."""
        return DeskStateStatistics(requests=self._requests, answered=self._answered)

    # Each of these raises KefuRefused where the desk does not say, KefuUnavailable and KefuOutcomeUnknown where no
    # usable answer came, and ConnectFailed where it was not asked.

    async def switched_off(self) -> frozenset[str]:
        """Ask which features the tenant does not have (灰度)."""
        call = "GET grayscale"
        answer = await self._ask(call, f"/v1/grayscale/tenants/{quote(self._tenant_id, safe='')}", {})
        return frozenset(
            name
            for name, status in ((words(at(each, "grayName")), words(at(each, "status"))) for each in entries(answer))
            if name and status.lower() == "disable"
        )

    async def typing(self, visitor: ImUser, session: str) -> Typing | None:
        """
        Ask whether the agent of a service session is writing; None where the desk says nothing of it.

        Raises:
            EasemobError, StoreError: Besides what all raise, as :meth:`RestClient.user_token`.

        """
        call = "GET agent-input-state"
        token = (await self._tokens.user_token(visitor)).token
        query = {
            "tenantId": self._tenant_id,
            "orgName": self._app_key.org,
            "appName": self._app_key.app,
            "userName": visitor,
            "token": token.reveal(),
        }
        answer = await self._ask(call, f"/v1/webimplugin/sessions/{quote(session, safe='')}/agent-input-state", query)
        stamp = number(at(_object(call, answer), "timestamp"))
        return None if stamp is None else Typing(stamp, bool(words(at(answer, "input_state_tips")).strip()))

    async def waiting(self, session: str) -> Waiting | None:
        """Ask how many wait in the queue of a service session; None where the desk says nothing of it."""
        call = "GET waitings/data"
        # Which queue it is nobody has told a visitor's side; the session says it.
        query = {"tenantId": self._tenant_id, "queueId": "", "serviceSessionId": session}
        answer = _object(call, await self._ask(call, "/v1/visitors/waitings/data", query))
        stamp, count = number(at(answer, "visitorUserWaitingTimestamp")), at(answer, "visitorUserWaitingNumber")
        if stamp is None or count is None:
            return None
        return Waiting(stamp, max(number(count) or 0, 0))

    async def is_off_duty(self) -> bool:
        """Ask whether nobody works at the desk now (上下班)."""
        call = "GET show-message"
        query = {
            "channelType": "easemob",
            "originType": "webim",
            "channelId": await self._channel(),
            "tenantId": self._tenant_id,
            "queueName": "",
            "agentUsername": "",
            "timeScheduleId": "",
        }
        answer = await self._ask(call, "/v1/webimplugin/tenants/show-message", query)
        if not isinstance(answer, bool):
            raise KefuUnavailable(call, _UNLIKE)
        return answer

    async def greetings(self, visitor: ImUser) -> tuple[Received, ...]:
        """Ask how the company and its robot greet *visitor*: messages, in their order; none where nobody does."""
        query = {
            "tenantId": self._tenant_id,
            "visitorUserName": visitor,
            "orgName": self._app_key.org,
            "appName": self._app_key.app,
            "easeMobIMNumber": self._service_number,
        }
        call = "GET welcome"
        status, raw = await self._get(call, "/v1/webimplugin/welcome", query)
        if status >= _HTTP_SERVER_ERROR:
            raise KefuUnavailable(call, f"HTTP {status}")
        greetings = company_greeting(raw, visitor=visitor, sender=self._service_number) if status == _HTTP_OK else ()
        try:
            robots = await self._ask(
                "GET robots/welcome", "/v1/webimplugin/tenants/robots/welcome", {**query, "keyword": ""}
            )
        except KefuError:
            # There may be no robot.
            robots = None
        return greetings + robot_greetings(robots, visitor=visitor, sender=self._service_number)

    async def _channel(self) -> str:
        """Return the number of our channel at the desk, asked for once."""
        if self._channel_id is None:
            call = "GET targetChannels"
            answer = await self._ask(call, "/v1/webimplugin/targetChannels", {"tenantId": self._tenant_id})
            ours = (self._app_key.org, self._app_key.app, self._service_number)
            for each in entries(answer):
                named = tuple(words(at(each, name)) for name in ("orgName", "appName", "imServiceNumber"))
                if tuple(map(str.lower, named)) == tuple(map(str.lower, ours)):
                    self._channel_id = name_of(at(each, "channelId"))
            if self._channel_id is None:
                raise KefuUnavailable(call, _UNLIKE)
        return self._channel_id

    async def _ask(self, call: str, path: str, query: Mapping[str, str]) -> Json:
        """Ask once; return the answer without what is around it."""
        answer = _read(call, *await self._get(call, path, query))
        self._answered += 1
        return answer

    async def _get(self, call: str, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        """Ask once when its turn comes."""
        await self._pace.turn()
        self._requests += 1
        address = f"{self._url}{path}?{urlencode(query)}"
        try:
            return await exchange(
                self._http,
                "GET",
                address,
                call=call,
                headers={"Accept": "application/json"},
                limit_s=EXCHANGE_S,
                max_bytes=MAX_BYTES,
            )
        except RestOutcomeUnknown as error:
            raise KefuOutcomeUnknown(call, error.reason) from error


def _read(call: str, http_status: int, raw: bytes) -> Json:
    """Return what an answer is about: ``entity`` or ``entities`` where it has them, or all of it (facts/kefu.md §3)."""
    try:
        answer = read_value(raw)
    except ValueError:
        raise KefuUnavailable(call, f"HTTP {http_status}") from None
    said = words(at(answer, "status")).upper()
    if said and said != "OK":
        code = "".join(each for each in words(at(answer, "errorCode")) if each.isalnum() or each == "_")
        raise KefuRefused(call, code[:40] or "a refusal")
    if http_status != _HTTP_OK:
        raise KefuUnavailable(call, f"HTTP {http_status}")
    if not isinstance(answer, Mapping) or not said:
        return answer
    return answer["entity"] if "entity" in answer else answer.get("entities")


def _object(call: str, answer: Json) -> Json:
    """Return *answer*, which is an object or nothing; raises KefuUnavailable."""
    if answer is not None and not isinstance(answer, Mapping):
        raise KefuUnavailable(call, _UNLIKE)
    return answer
