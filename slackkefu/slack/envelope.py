"""
What comes in over Socket Mode, checked once and typed from there on.

Every function here takes any JSON value and returns a value: what cannot be read is :class:`Malformed` with a reason,
never an exception, so that it can be acknowledged, counted and passed over (facts/slack.md §3, §16 trap 5 and 7).
Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from slackkefu.secret import Secret
from slackkefu.slack.fields import is_true, text_at
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import Authorization
from slackkefu.slack.message import FileRef, Malformed, MessageEvent, read_message
from slackkefu.slack.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "AppRateLimited",
    "Envelope",
    "EventCallback",
    "FileRef",
    "Interaction",
    "Malformed",
    "MessageEvent",
    "OtherEvent",
    "OtherPayload",
    "Payload",
    "Profile",
    "SlashCommand",
    "parse_envelope",
    "parse_event_callback",
]


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Any event that is not a message."""

    type: str
    """``app_uninstalled``, ``user_change``, ``channel_id_changed``, …"""
    raw: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCallback:
    """An event with the installation that may see it."""

    event_id: str
    """Unique in all of Slack, and the same on every retry; empty if Slack sent none."""
    team_id: TeamId | None
    """The outer workspace: in Slack Connect the sender's. Never to choose a token by."""
    enterprise_id: EnterpriseId | None
    authorizations: tuple[Authorization, ...]
    api_app_id: str
    """Our app's id."""
    is_ext_shared_channel: bool
    event_context: str
    event: MessageEvent | OtherEvent | Malformed
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    """The payload as it came, for :mod:`slackkefu.bridge.slack_to_kefu.spilled`."""

    @property
    def happened_at(self) -> float:
        """
        When it happened, seconds since the epoch; 0 where that cannot be read.

        ``event_time`` is in seconds, but examples show microseconds (facts/slack.md §3).
        """
        time = self.raw.get("event_time")
        if not isinstance(time, int | float) or isinstance(time, bool) or not 0 < time < _NO_TIME:
            return 0.0
        return time / 1e6 if time >= _MICROSECONDS else float(time)

    @property
    def is_enterprise_install(self) -> bool:
        """Events say this in their authorizations only."""
        return False


_MICROSECONDS: Final = 1e14
"""Seconds would be of the year three million."""
_NO_TIME: Final = 1e17
"""Microseconds would be of the year five thousand."""


@dataclass(frozen=True, slots=True)
class AppRateLimited:
    """More events than Slack delivers: it drops the rest of this minute (facts/slack.md §2). It has no event."""

    team_id: TeamId | None
    minute_rate_limited: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlashCommand:
    """A slash command; Slack does not repeat it (facts/slack.md §11)."""

    command: str
    text: str = field(repr=False)
    team_id: TeamId | None
    enterprise_id: EnterpriseId | None
    is_enterprise_install: bool
    channel: ChannelId | None
    user: UserId | None
    response_url: Secret
    """Whoever has it can post: a secret."""
    trigger_id: Secret

    @property
    def authorizations(self) -> tuple[Authorization, ...]:
        """Commands have none."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A button, a shortcut or a form; Slack does not repeat it (facts/slack.md §11)."""

    type: str
    """``block_actions``, ``view_submission``, …"""
    team_id: TeamId | None
    """The workspace of the installation."""
    enterprise_id: EnterpriseId | None
    is_enterprise_install: bool
    user: UserId | None
    user_team: TeamId | None
    channel: ChannelId | None
    raw: Mapping[str, object] = field(repr=False)

    @property
    def authorizations(self) -> tuple[Authorization, ...]:
        """Interactions have none."""
        return ()


@dataclass(frozen=True, slots=True)
class OtherPayload:
    """A payload of a kind we do not know; acknowledged like any other."""

    raw: object = field(repr=False)


Payload = EventCallback | AppRateLimited | SlashCommand | Interaction | OtherPayload | Malformed


@dataclass(frozen=True, slots=True)
class Envelope:
    """One Socket Mode payload; it is owed an acknowledgement."""

    envelope_id: str
    """Names this delivery only: a retry has another one."""
    kind: str
    """``events_api``, ``slash_commands``, ``interactive``, or whatever Slack may add."""
    payload: Payload
    accepts_response_payload: bool
    retry_attempt: int
    """0 on the first try. A retry may be the only delivery that ever arrives: never a reason to drop it."""
    retry_reason: str


def parse_envelope(frame: Mapping[str, object]) -> Envelope:
    """Read a frame that has an ``envelope_id``; the caller has seen that this is text."""
    kind = text_at(frame, "type")
    attempt = frame.get("retry_attempt")
    return Envelope(
        envelope_id=text_at(frame, "envelope_id"),
        kind=kind,
        payload=_PARSERS.get(kind, OtherPayload)(frame.get("payload")),
        accepts_response_payload=frame.get("accepts_response_payload") is True,
        retry_attempt=attempt if isinstance(attempt, int) and not isinstance(attempt, bool) else 0,
        retry_reason=text_at(frame, "retry_reason"),
    )


class _Authorization(msgspec.Struct):
    """One element of ``authorizations``."""

    enterprise_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    is_bot: object = None
    is_enterprise_install: object = None


def parse_event_callback(raw: object) -> EventCallback | AppRateLimited | Malformed:
    """Read the payload of an ``events_api`` envelope."""
    if not isinstance(raw, Mapping):
        return Malformed("events_api: the payload is not an object")
    if raw.get("type") == "app_rate_limited":
        minute = raw.get("minute_rate_limited")
        return AppRateLimited(_team(raw, "team_id"), minute if isinstance(minute, int) else None)
    if "event" not in raw:
        return Malformed("events_api: no event")
    try:
        # Whose token to use hangs on this: unreadable is not the same as absent.
        authorizations = msgspec.convert(raw.get("authorizations") or [], list[_Authorization])
    except msgspec.ValidationError as exc:
        return Malformed(f"events_api: authorizations: {exc}")
    return EventCallback(
        event_id=text_at(raw, "event_id"),
        team_id=_team(raw, "team_id"),
        enterprise_id=_enterprise(raw, "enterprise_id"),
        authorizations=tuple(
            Authorization(
                enterprise_id=EnterpriseId(one.enterprise_id) if one.enterprise_id else None,
                team_id=TeamId(one.team_id) if one.team_id else None,
                user_id=UserId(one.user_id) if one.user_id else None,
                is_bot=is_true(one.is_bot),
                is_enterprise_install=is_true(one.is_enterprise_install),
            )
            for one in authorizations
        ),
        api_app_id=text_at(raw, "api_app_id"),
        is_ext_shared_channel=is_true(raw.get("is_ext_shared_channel")),
        event_context=text_at(raw, "event_context"),
        event=_parse_event(raw["event"]),
        raw=raw,
    )


def _parse_event(raw: object) -> MessageEvent | OtherEvent | Malformed:
    """Read the inner event."""
    if not isinstance(raw, Mapping):
        return Malformed("event: not an object")
    kind = text_at(raw, "type")
    if not kind:
        return Malformed("event: no type")
    if kind in ("message", "app_mention"):
        return read_message(raw, is_mention_event=kind == "app_mention")
    return OtherEvent(kind, raw)


def _parse_slash_command(raw: object) -> SlashCommand | Malformed:
    """Read the payload of a ``slash_commands`` envelope."""
    if not isinstance(raw, Mapping):
        return Malformed("slash_commands: the payload is not an object")
    command = text_at(raw, "command")
    if not command:
        return Malformed("slash_commands: no command")
    return SlashCommand(
        command=command,
        text=text_at(raw, "text"),
        team_id=_team(raw, "team_id"),
        enterprise_id=_enterprise(raw, "enterprise_id"),
        is_enterprise_install=is_true(raw.get("is_enterprise_install")),
        channel=ChannelId(text_at(raw, "channel_id")) or None,
        user=UserId(text_at(raw, "user_id")) or None,
        response_url=Secret(text_at(raw, "response_url")),
        trigger_id=Secret(text_at(raw, "trigger_id")),
    )


def _parse_interaction(raw: object) -> Interaction | Malformed:
    """Read the payload of an ``interactive`` envelope; ``team`` is null for organisation-wide installations."""
    if not isinstance(raw, Mapping):
        return Malformed("interactive: the payload is not an object")
    kind = text_at(raw, "type")
    if not kind:
        return Malformed("interactive: no type")
    user = raw.get("user")
    return Interaction(
        type=kind,
        team_id=_team(raw.get("view"), "app_installed_team_id")
        or _team(raw.get("team"), "id")
        or _team(user, "team_id"),
        enterprise_id=_enterprise(raw.get("enterprise"), "id"),
        is_enterprise_install=is_true(raw.get("is_enterprise_install")),
        user=UserId(text_at(user, "id")) or None,
        user_team=_team(user, "team_id"),
        channel=ChannelId(text_at(raw.get("channel"), "id")) or None,
        raw=raw,
    )


_PARSERS: Final[Mapping[str, Callable[[object], Payload]]] = {
    "events_api": parse_event_callback,
    "slash_commands": _parse_slash_command,
    "interactive": _parse_interaction,
}


def _team(raw: object, name: str) -> TeamId | None:
    """Return a workspace id, or None."""
    return TeamId(text_at(raw, name)) or None


def _enterprise(raw: object, name: str) -> EnterpriseId | None:
    """Return an organisation id, or None."""
    return EnterpriseId(text_at(raw, name)) or None
