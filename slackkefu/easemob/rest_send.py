"""
A message sent by REST: the way out for a visitor whose login fails (facts/easemob-rest.md §6, §13).

The service number gets it as it gets one from a visitor's own login. But REST knows no ids of ours, so a call made
twice is two messages: one whose answer is lost is not made again (:class:`~slackkefu.errors.SendPossiblyDone`). What
surely never left, or was put off, is left to the caller.

So that an Easemob in trouble does not take one message after the other with it, it is asked something harmless first,
unless it has answered within the last minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final
from urllib.parse import quote

import structlog
import trio

from slackkefu.easemob.answers import call_is_unknown, may_be_done, read_server_id
from slackkefu.easemob.bodies import write_body
from slackkefu.easemob.ext import mended
from slackkefu.easemob.message import Accepted
from slackkefu.easemob.recovery import after_rest_send
from slackkefu.errors import RestError, RestSendRefused, SendPossiblyDone, SlackkefuError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.rest import AgainRule

__all__ = ["RestSend"]

log = structlog.get_logger()

FRESH_S: Final = 60.0
"""How long an answer is proof enough that REST is there."""


class Calls(Protocol):
    """The part of :class:`~slackkefu.easemob.rest.RestClient` that is needed."""

    async def authorised(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, call: str, again: AgainRule
    ) -> Mapping[str, object]:
        """Make a call with the app token."""
        ...


@final
class RestSend:
    """
    Sends messages by REST, in the form that this cluster knows.

    Args:
        calls: Makes the calls.

    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._form_of_2017 = False
        self._answered_at = float("-inf")

    def __repr__(self) -> str:
        return f"<RestSend in the form of {'2017' if self._form_of_2017 else 'today'}>"

    async def send(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """
        Send *message* as *user*, once.

        A cancellation may leave it sent.

        Raises:
            SendPossiblyDone: It left, and nobody knows whether it was taken.
            RestSendRefused: This message is not taken.
            RestRateLimited: Later.
            RestError: Nobody may send this way here.
            EasemobSetupError: An operator has to mend something.
            ConnectFailed, RestOutcomeUnknown, RemoteProtocolError: It never left.

        """
        await self._make_sure(message.to)
        if not self._form_of_2017:
            try:
                return await self._send_today(user, message)
            except RestError as error:
                if not call_is_unknown(error):
                    raise
        accepted = await self._send_2017(user, message)
        # Only now: what was unknown was the form, for the other one works.
        if not self._form_of_2017:
            log.info("easemob.send_form_unknown", form="/messages/users", instead="/messages")
            self._form_of_2017 = True
        return accepted

    async def _make_sure(self, user: ImUser) -> None:
        """Ask whether *user* is there, unless there was an answer lately; any answer but a failing one will do."""
        if trio.current_time() < self._answered_at + FRESH_S:
            return
        call, path = "GET /users/{username}", f"/users/{quote(user, safe='')}"
        try:
            await self._calls.authorised("GET", path, call=call, again=after_rest_send)
        except RestError as error:
            if error.status >= 500:
                raise
        self._answered_at = trio.current_time()

    async def _send_today(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Send in the form of §6.1."""
        body = write_body(message.body)
        kind = body.pop("type")
        given = {"from": user, "to": [message.to], "type": kind, "body": body, "ext": mended(message.ext)}
        return await self._once("POST /messages/users", "/messages/users", given, message)

    async def _send_2017(self, user: ImUser, message: OutgoingMessage) -> Accepted:
        """Send in the form of §6.3."""
        given = {
            "target_type": "users",
            "target": [message.to],
            "msg": write_body(message.body),
            "from": user,
            "ext": mended(message.ext),
        }
        return await self._once("POST /messages", "/messages?useMsgId=true", given, message)

    async def _once(self, call: str, path: str, given: Mapping[str, object], message: OutgoingMessage) -> Accepted:
        try:
            answer = await self._calls.authorised("POST", path, given, call=call, again=after_rest_send)
            server_id = read_server_id(call, answer)
        except SlackkefuError as error:
            if may_be_done(error):
                self._answered_at = float("-inf")
                raise SendPossiblyDone(call, str(error)) from error
            if isinstance(error, RestError) and error.status in (400, 413):
                raise RestSendRefused(call, error.status, error.code, error.description) from error
            raise
        self._answered_at = trio.current_time()
        timestamp = answer.get("timestamp")
        return Accepted(message.meta_id, server_id, timestamp if isinstance(timestamp, int) else 0)
