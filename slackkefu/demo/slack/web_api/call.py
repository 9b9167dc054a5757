"""
One call of the Web API: who calls, with which arguments, and how a method says no.

Arguments come as JSON values or as form strings, in which nested values are JSON again (facts/slack.md §8); the getters
here take both.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, final

from slackkefu.demo.slack.model import Channel, ChannelKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.model import Installation, User
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.state import State

__all__ = ["MOST_OBJECTS", "BotCall", "Call", "Refused", "page_of"]

MOST_OBJECTS: Final = 999
"""What a page can hold."""

T = TypeVar("T")

_TRUE: Final = (True, 1, "1", "true", "True")
_FALSE: Final = (False, 0, "0", "false", "False")


@final
class Refused(Exception):
    """The answer is ``ok: false``."""

    def __init__(self, error: str, **more: object) -> None:
        super().__init__(error)
        self.error = error
        self.more: Shape = more

    def as_shape(self) -> Shape:
        """Return the answer."""
        return {"ok": False, "error": self.error, **self.more}


@dataclass(frozen=True, slots=True)
class Call:
    """A call by anybody: its arguments."""

    method: str
    arguments: Document
    at: float
    """Calendar time."""
    basic: tuple[str, str] | None = field(default=None, repr=False)
    """User and password of HTTP Basic, for OAuth."""

    def text(self, name: str, default: str = "") -> str:
        """Return a string argument."""
        value = self.arguments.get(name)
        if value is None:
            return default
        if isinstance(value, bool | int | float):
            return str(value)
        if not isinstance(value, str):
            raise _invalid(name, "string")
        return value

    def required(self, name: str) -> str:
        """Return a string argument that must be there."""
        value = self.text(name)
        if not value:
            raise Refused(
                "invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]}
            )
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no."""
        value = self.arguments.get(name)
        if value is None or value == "":
            return default
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise _invalid(name, "boolean")

    def number(self, name: str, default: int, *, most: int) -> int:
        """Return a whole number between one and *most*."""
        value = self.text(name)
        try:
            number = int(value) if value else default
        except ValueError:
            raise _invalid(name, "integer") from None
        if not 0 < number <= most:
            raise Refused("invalid_limit")
        return number

    def nested(self, name: str, error: str) -> object:
        """Return a nested value, or None; one that is not readable is refused with *error*."""
        value = self.arguments.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            nested: object = json.loads(value)
        except ValueError:
            raise Refused(error) from None
        return nested


@final
@dataclass(frozen=True, slots=True)
class BotCall(Call):
    """A call with the bot token of an installation."""

    installation: Installation = field(kw_only=True)

    def need(self, scope: str) -> None:
        """Refuse when the token lacks *scope*."""
        scopes = self.installation.scopes
        if scope not in scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(scopes)))

    def channel(self, state: State, name: str = "channel", *, right: str = "") -> Channel:
        """
        Return the conversation that the argument *name* names, if this bot may know of it.

        Args:
            state: Where to look.
            name: Name of the argument.
            right: ``history`` or ``read``: the scope needed, by the kind of conversation.

        Raises:
            Refused: ``channel_not_found`` for what is unknown, of another workspace, or private to others.

        """
        channel = state.channels.get(self.required(name))
        if channel is not None and any(team.id in self.installation.withheld for team in channel.teams):
            raise Refused("team_access_not_granted")
        if channel is None or not any(self.installation.covers(team) for team in channel.teams):
            raise Refused("channel_not_found")
        if right:
            self.need(channel.kind.scope(right))
        if channel.kind is not ChannelKind.PUBLIC and not self.in_channel(channel):
            raise Refused("channel_not_found")
        return channel

    def in_channel(self, channel: Channel) -> bool:
        """Tell whether the bot is a member."""
        return self.installation.bot.id in channel.members

    def member_channel(self, state: State, *, right: str) -> Channel:
        """Return the conversation ``channel``, which the bot must be a member of."""
        channel = self.channel(state, right=right)
        if not self.in_channel(channel):
            raise Refused("not_in_channel")
        return channel

    def user(self, state: State, name: str = "user") -> User:
        """Return the user that the argument *name* names, if this bot may know of him."""
        user = state.users.get(self.required(name))
        if user is None or not self.knows(state, user):
            raise Refused("user_not_found")
        return user

    def knows(self, state: State, user: User) -> bool:
        """Tell whether *user* is of the own workspace, or shares a channel with the bot."""
        if self.installation.covers(user.team) or user.team.company == self.installation.bot.team.company:
            return True
        return any(self.in_channel(channel) and user.id in channel.members for channel in state.channels.values())


def page_of(call: Call, found: Sequence[T], *, most: int = MOST_OBJECTS) -> tuple[Sequence[T], str]:
    """Return one page of what was found, and the cursor of the next; empty on the last."""
    limit = min(call.number("limit", 100, most=MOST_OBJECTS), most)
    start = _read_cursor(call.text("cursor"))
    end = start + limit
    cursor = urlsafe_b64encode(f"next:{end}".encode()).decode() if end < len(found) else ""
    return found[start:end], cursor


def _read_cursor(cursor: str) -> int:
    try:
        return int(urlsafe_b64decode(cursor).decode().removeprefix("next:")) if cursor else 0
    except ValueError:
        raise Refused("invalid_cursor") from None


def _invalid(name: str, kind: str) -> Refused:
    return Refused(
        "invalid_arguments", response_metadata={"messages": [f"[ERROR] must be a {kind} [json-pointer:/{name}]"]}
    )
