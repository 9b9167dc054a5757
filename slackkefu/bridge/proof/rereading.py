"""
Reading a message in Slack again, to send it to the desk once more.

No words of a message are kept once it was sent; they are in Slack. Read again, the same words make the same parts with
the same marks (:mod:`slackkefu.bridge.slack_to_kefu.to_kefu`), and a file is carried once more. Where they do not, its
writer has edited the message since, and the words that were sent are nowhere any more.

A correction by an edit is made again like a message, unless there was another edit since: that has a correction of its
own. That something was deleted is said without reading.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, TypeAlias, final

import structlog

from slackkefu.bridge.identity import Visitor, visitor_of
from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.bridge.table import SUBTYPES, Rule
from slackkefu.errors import SlackkefuError
from slackkefu.kefu.outgoing import mark_of
from slackkefu.slack.message import MessageEvent, read_message
from slackkefu.slack.recovery import InstallationDead, after
from slackkefu.slack.text import mentions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from slackkefu.bridge.proof.awaited import Origin
    from slackkefu.bridge.slack_to_kefu.carrying import Brought
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.slack.ids import UserId
    from slackkefu.slack.installation import Installation, Installations
    from slackkefu.slack.reading import Reading

__all__ = ["Missing", "Reread", "Rereading"]

log = structlog.get_logger()


class Missing(enum.Enum):
    """Why there is nothing to send."""

    GONE = enum.auto()
    """Its writer has deleted it or, of a correction, edited it again; or its workspace has removed the app."""
    CHANGED = enum.auto()
    """It is not what it was when it was sent."""
    UNREADABLE = enum.auto()
    """Slack does not let us read it."""


Reread: TypeAlias = "tuple[OutgoingMessage, ...] | Missing"


@final
class Rereading:
    """
    Reads messages again.

    Args:
        reading: Slack's past.
        installations: Who installed the app.
        make: Makes the parts of a message, as for the first time.
        carry: Brings a file to Easemob.

    """

    def __init__(
        self,
        *,
        reading: Reading,
        installations: Installations,
        make: Callable[[Forward], Awaitable[tuple[Part, ...]]],
        carry: Callable[[Installation, Cargo], Awaitable[Brought]],
    ) -> None:
        self._reading = reading
        self._installations = installations
        self._make = make
        self._carry = carry

    async def read(self, origin: Origin, marks: frozenset[str]) -> Reread:
        """
        Return the parts of a message that have these marks, in order; a Slack that does not answer now is waited for.

        Returns:
            All of them, or why not.

        """
        key = origin.key
        if not origin.stands_in_slack:
            return Missing.UNREADABLE
        installation = self._installations.get(key.installation)
        if installation is None:
            return Missing.GONE
        if key.is_deletion:
            gravestone = {"ts": key.ts, "user": origin.writer}
            return await self._again(origin, installation, gravestone, marks)
        try:
            raw = await self._reading.message(installation, key.channel, key.ts, origin.thread_ts)
        except SlackkefuError as error:
            if isinstance(after(error), InstallationDead):
                return Missing.GONE
            log.warning("slack.unreadable", problem=str(error), meaning="a message that may be lost is not sent again")
            return Missing.UNREADABLE
        if raw is None:
            return Missing.GONE
        again = await self._again(origin, installation, raw, marks)
        return Missing.GONE if key.revision and again is Missing.CHANGED else again

    async def _again(self, origin: Origin, installation: Installation, raw: object, marks: frozenset[str]) -> Reread:
        """Make these parts of a message that was read, or say why not."""
        channel = origin.key.channel
        event = read_message(raw, channel=channel, channel_type="im" if origin.is_direct else None)
        if not isinstance(event, MessageEvent):
            return Missing.UNREADABLE
        own_users = self._installations.bots_among(mentions(event.text))
        forward = _forward(origin, installation, event, own_users)
        if forward is None:
            return Missing.GONE
        again = [part for part in await self._make(forward) if mark_of(part) in marks]
        if len(again) != len(marks):
            return Missing.CHANGED
        return tuple([await self._ready(installation, part) for part in again])

    async def _ready(self, installation: Installation, part: Part) -> OutgoingMessage:
        """Return a part as it is sent; where a file cannot be had any more, with a line in its place."""
        return (await self._carry(installation, part)).message if isinstance(part, Cargo) else part


def _forward(
    origin: Origin, installation: Installation, event: MessageEvent, own_users: frozenset[UserId]
) -> Forward | None:
    """Make of it what was decided the first time; None when only a gravestone is left."""
    visitor = visitor_of(origin.visitor)
    if visitor is None or event.user != origin.writer or SUBTYPES.get(event.subtype or "") is not Rule.FORWARD:
        return None
    return Forward(
        visitor=Visitor(visitor.team, origin.writer, event.channel),
        user=origin.visitor,
        installation=installation,
        event=event,
        is_direct=origin.is_direct,
        thread_ts=origin.thread_ts,
        is_mention=False,
        own_users=own_users,
        revision=origin.key.revision,
    )
