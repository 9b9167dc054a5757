"""
Who speaks: a human agent, a robot, or the desk's own system (facts/kefu.md §2.9).

A tenant may hide its agents' names; then nobody can tell from a message who wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from slackkefu.kefu.fields import at, name_of, number, words
from slackkefu.kefu.text import unescape

if TYPE_CHECKING:
    from slackkefu.easemob.message import Json

__all__ = ["NOBODY", "Speaker", "SpeakerKind", "speaker_of_account", "speaker_of_event", "speaker_of_message"]

SpeakerKind: TypeAlias = Literal["agent", "robot", "account", "system", "unknown"]
"""An ``account`` is one of the tenant's own that campaigns are sent from (facts/kefu.md §2.1)."""


@final
@dataclass(frozen=True, slots=True)
class Speaker:
    """Who wrote a message, or took a service session."""

    kind: SpeakerKind
    user_id: str | None = None
    """The agent's or robot's id at the desk; a robot's answers are rated with it."""
    name: str | None = field(default=None, repr=False)
    """Nickname; None when there is none or the tenant hides it. The system's is the scheduler's, 调度员 by default."""
    avatar: str | None = field(default=None, repr=False)
    """As kefu gave it: see :func:`~slackkefu.kefu.fields.absolute_url`."""


NOBODY: Final = Speaker("unknown")

_USER_TYPES: Mapping[str, SpeakerKind] = MappingProxyType({"agent": "agent", "robot": "robot", "scheduler": "system"})
_AGENT_TYPES: Mapping[int, SpeakerKind] = MappingProxyType({1: "agent", 6: "robot"})


def speaker_of_message(agent: Json) -> Speaker:
    """Return who wrote a message, from its ``weichat.agent``."""
    if not isinstance(agent, Mapping):
        return NOBODY
    name = _nickname(agent.get("userNickname"))
    user_type = name_of(agent.get("userType"))
    # The system's messages carry a name, the scheduler's, but may lack the type.
    unmarked: SpeakerKind = "system" if name else "unknown"
    kind = unmarked if user_type is None else _USER_TYPES.get(user_type.lower(), "unknown")
    return Speaker(kind, user_id=name_of(agent.get("userId")), name=name, avatar=name_of(agent.get("avatar")))


def speaker_of_account(account: Json) -> Speaker:
    """Return the account that a message is from, by its ``official_account``; the usual one is nobody."""
    name = _nickname(at(account, "name"))
    if name is None or words(at(account, "type")).upper() != "CUSTOM":
        return NOBODY
    return Speaker("account", name=name, avatar=name_of(at(account, "img")))


def speaker_of_event(event_obj: Json) -> Speaker:
    """Return who a session event is about, from its ``eventObj``."""
    kind = _AGENT_TYPES.get(number(at(event_obj, "agentType")) or 0, "unknown")
    return Speaker(
        kind,
        user_id=name_of(at(event_obj, "userId")),
        name=_nickname(at(event_obj, "agentUserNiceName")),
        avatar=name_of(at(event_obj, "avatar")),
    )


def _nickname(value: Json) -> str | None:
    return " ".join(unescape(name_of(value) or "").split()) or None
