"""
The shapes of what kefu sends to a visitor (facts/kefu.md §2).

Pure functions from meanings to ``ext``; each gives what the sample of its kind in ``facts/kefu-samples`` has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slackkefu.demo.easemob import JsonObject

__all__ = [
    "AGENT",
    "EVENT_NAMES",
    "ROBOT",
    "SYSTEM",
    "EventKind",
    "Speaker",
    "escape",
    "event_object",
    "hint",
    "menu",
    "rating",
    "recall",
    "weichat",
]

EventKind = Literal["created", "opened", "transfering", "transfered", "closed", "aborted"]

EVENT_NAMES: Final[Mapping[EventKind, str]] = {
    "created": "ServiceSessionCreatedEvent",
    "opened": "ServiceSessionOpenedEvent",
    "transfering": "ServiceSessionTransferedToAgentQueueEvent",
    "transfered": "ServiceSessionTransferedEvent",
    "closed": "ServiceSessionClosedEvent",
    "aborted": "ServiceSessionAbortedEvent",
}
"""So spelled, with one r (facts/kefu.md §2.3)."""

_ESCAPES: Final = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;"))

DEGREES: Final = ("非常满意", "满意", "一般", "不满意", "非常不满意")
"""Rating degrees, best first (facts/kefu.md §2.6)."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks to the visitor."""

    kind: Literal["Agent", "Robot", "System"]
    name: str = field(repr=False)
    user_id: str | None = None
    avatar: str | None = field(default=None, repr=False)

    def shape(self) -> JsonObject:
        """Return ``weichat.agent``; the system has no ``userType`` (facts/kefu.md §2.1)."""
        shape: JsonObject = {"userId": self.user_id, "userNickname": self.name, "avatar": self.avatar}
        return shape if self.kind == "System" else shape | {"userType": self.kind}


AGENT: Final = Speaker("Agent", "小林", "a1f0c9d2-1111-4222-8333-944455556666", "//img.kefu.example/avatar/lin.png")
ROBOT: Final = Speaker(
    "Robot", "智能助手", "b2f0c9d2-1111-4222-8333-944455556666", "https://img.kefu.example/avatar/robot.png"
)
SYSTEM: Final = Speaker("System", "调度员")


def escape(text: str, times: int) -> str:
    """Return *text* HTML-escaped so many *times* (facts/kefu.md §2.2)."""
    for _ in range(times):
        for plain, escaped in _ESCAPES:
            text = text.replace(plain, escaped)
    return text


def weichat(
    message_id: str,
    *,
    agent: JsonObject | None,
    session: str | None,
    event: JsonObject | None = None,
    control: JsonObject | None = None,
) -> JsonObject:
    """Return ``ext.weichat`` as all messages share it (facts/kefu.md §2.1); *control* are its further members."""
    shape: JsonObject = {"msgId": message_id, "visitor": {}, "agent": agent}
    if session is not None:
        shape["service_session"] = {"serviceSessionId": session}
    official = {"official_account_id": "oa-system", "type": "SYSTEM", "name": "示例公司", "img": None}
    return shape | {"official_account": official, "event": event} | (control or {})


def event_object(kind: EventKind, *, session: str, agent: Speaker | None) -> JsonObject:
    """Return ``weichat.event`` (facts/kefu.md §2.3)."""
    details: JsonObject | None = None
    if kind == "created":
        details = {"sessionId": session}
    elif kind in ("opened", "transfered") and agent is not None:
        details = {"sessionId": session} if kind == "opened" else {}
        details |= {
            "userId": agent.user_id,
            "agentType": 6 if agent.kind == "Robot" else 1,
            "avatar": agent.avatar,
            "agentUserNiceName": agent.name,
        }
    return {"eventName": EVENT_NAMES[kind], "eventObj": details}


def menu(title: str, choices: Mapping[str, str] | Sequence[str]) -> JsonObject:
    """Return ``msgtype`` of a robot menu: ids with labels, or labels alone (facts/kefu.md §2.4)."""
    if isinstance(choices, dict):
        return {"choice": {"title": title, "items": [{"id": key, "name": name} for key, name in choices.items()]}}
    return {"choice": {"title": title, "list": list(choices)}}


def hint(hint_id: str, label: str, *, session: str | None) -> JsonObject:
    """Return ``ctrlType`` and ``ctrlArgs`` of the hint that leads to a human (facts/kefu.md §2.5)."""
    arguments = {"id": hint_id, "serviceSessionId": session, "label": label}
    return {"ctrlType": "TransferToKfHint", "ctrlArgs": arguments}


def rating(invite_id: int, *, session: str, tags: Mapping[int, Sequence[str]] | None = None) -> JsonObject:
    """
    Return ``ctrlType`` and ``ctrlArgs`` of a rating invitation (facts/kefu.md §2.6).

    Args:
        invite_id: Which invitation.
        session: The service session to be rated.
        tags: Reasons that may be given with a score.

    """
    degrees = [
        {
            "id": str(95 + score),
            "level": score,
            "name": name,
            "score": score,
            "appraiseTags": [
                {"id": f"t{score}{place}", "name": tag} for place, tag in enumerate((tags or {}).get(score, ()))
            ],
        }
        for score, name in zip(range(5, 0, -1), DEGREES, strict=True)
    ]
    arguments = {
        "inviteId": invite_id,
        "serviceSessionId": session,
        "detail": None,
        "summary": None,
        "evaluationDegree": degrees,
    }
    return {"ctrlType": "inviteEnquiry", "ctrlArgs": arguments}


def recall(message_id: str) -> JsonObject:
    """Return the ``weichat`` of a recall; it has no id of its own (facts/kefu.md §2.8)."""
    return {"recall_msg_id": message_id, "agent": None}
