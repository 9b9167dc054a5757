"""
What a visitor's message tells the desk besides its words: ``ext.weichat``.

The desk shows the visitor's name and company from it, and confirms the message by its ``msg_id_for_ack`` (facts/kefu.md
§1.2, §1.3). Sending the visitor's data with every message is harmless, and makes each message complete.

Only what the operator chose leaves Slack. What does not fit is shortened, the least important first, at the ends of
characters; the id never.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from slackkefu.easemob.message import CommandBody, CustomBody, LocationBody, MediaBody, TextBody
from slackkefu.kefu.wording import Language

if TYPE_CHECKING:
    from collections.abc import Collection

    from slackkefu.easemob.message import Body, Json, OutgoingMessage

__all__ = [
    "ANYWHERE",
    "MAX_EXT_BYTES",
    "Entrance",
    "Language",
    "VisitorCard",
    "VisitorField",
    "ext_bytes",
    "fit",
    "kind_of",
    "language_of",
    "mark_of",
    "track",
    "weichat",
]

MAX_EXT_BYTES: Final = 900
"""What ``ext`` may take of IM's 3 KB for a whole message (facts/kefu.md §0)."""

VisitorField: TypeAlias = Literal["name", "workspace", "email", "phone", "title", "timezone"]
"""A word of the setting ``kefu.visitor_fields``."""

_FIELDS: Mapping[VisitorField, tuple[str, ...]] = MappingProxyType(
    {
        "name": ("name", "real_name"),
        "workspace": ("workspace",),
        "email": ("email",),
        "phone": ("phone",),
        "title": ("title",),
        "timezone": ("timezone",),
    }
)


@final
@dataclass(frozen=True, slots=True)
class VisitorCard:
    """What is known of a visitor; empty is unknown."""

    user_id: str
    """Slack's id of the person, the name of last resort."""
    channel: str = field(default="", repr=False)
    """Where the conversation is, in words: ``#support``. Empty for a direct message."""
    name: str = field(default="", repr=False)
    """Display name."""
    real_name: str = field(default="", repr=False)
    workspace: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    timezone: str = field(default="", repr=False)

    def chosen(self, fields: Collection[str]) -> VisitorCard:
        """Return the card with only the chosen *fields* filled in, each a :data:`VisitorField`."""
        hidden = (own for name, owns in _FIELDS.items() if name not in fields for own in owns)
        return replace(self, **dict.fromkeys(hidden, ""))


@final
@dataclass(frozen=True, slots=True)
class Entrance:
    """
    Where kefu is to lead a visitor, and what it is to know them by; empty is left to the desk.

    Whether it decides is the desk's own setting, the order of its routing rules (facts/kefu.md §1.2).
    """

    queue: str = ""
    """The name of a skill group."""
    agent: str = ""
    """An agent's login."""
    tags: tuple[str, ...] = ()
    """The visitor's tags."""

    def within(self, wider: Entrance) -> Entrance:
        """Return what holds where *wider* does too: its own words before the other's, and the tags of both."""
        tags = tuple(dict.fromkeys((*wider.tags, *self.tags)))
        return Entrance(self.queue or wider.queue, self.agent or wider.agent, tags)


ANYWHERE: Final = Entrance()
"""Nothing is said: all of it is left to the desk."""


def language_of(locale: str) -> Language:
    """Return the desk's language for one of Slack's locales, such as ``zh-TW`` or ``de-DE``."""
    return "zh-CN" if locale.lower().startswith("zh") else "en-US"


def weichat(
    card: VisitorCard,
    *,
    language: Language | None,
    message_id: str,
    entrance: Entrance = ANYWHERE,
    max_bytes: int = MAX_EXT_BYTES,
) -> dict[str, Json]:
    """
    Return the ``ext`` of a visitor's message, as ``{"weichat": {…}}``.

    Args:
        card: The visitor, already reduced to what was chosen.
        language: The visitor's, if known.
        message_id: ``msg_id_for_ack``: a repeat of the message carries the same one.
        entrance: Where kefu is to lead the visitor.
        max_bytes: The size that must not be passed; see :func:`ext_bytes`.

    Raises:
        ValueError: *max_bytes* is too small even for the id and a name.

    """
    # The desk shows the IM user's raw name where the nickname is missing, and the nickname must not be blank.
    nickname = _printable(card.name) or _printable(card.real_name) or card.user_id
    about = ("Slack", _printable(card.channel), card.user_id, _printable(card.title), _printable(card.timezone))
    visitor = {
        "userNickname": nickname,
        "trueName": _printable(card.real_name),
        "companyName": _printable(card.workspace),
        "email": _printable(card.email),
        "phone": _printable(card.phone),
        "description": ", ".join(filter(None, about)),
    }
    filled: dict[str, Json] = {name: value for name, value in visitor.items() if value}
    if entrance.tags:
        filled["tags"] = [*entrance.tags]
    chosen = {"language": language, "queueName": entrance.queue, "agentUsername": entrance.agent}
    told = {name: value for name, value in chosen.items() if value}
    return fit({"weichat": {"visitor": filled, **told, "msg_id_for_ack": message_id}}, max_bytes)


def track(*, title: str, text: str, url: str) -> dict[str, Json]:
    """Return the ``ext`` of a card that shows the agent where the visitor comes from (facts/kefu.md §1.5)."""
    card: Mapping[str, Json] = {"title": title, "price": "", "desc": text, "img_url": "", "item_url": url}
    return {"type": "custom", "msgtype": {"track": card}}


def mark_of(message: OutgoingMessage) -> str:
    """Return the ``msg_id_for_ack`` by which the desk confirms *message*; empty when it has none."""
    mark = _object(message.ext.get("weichat")).get("msg_id_for_ack")
    return mark if isinstance(mark, str) else ""


def kind_of(message: OutgoingMessage) -> str:
    """Return the kind of *message*'s body as IM names it, such as ``txt``; a desk may confirm some kinds only."""
    body = message.body
    return body.kind if isinstance(body, MediaBody) else _KINDS.get(type(body), "other")


_KINDS: Final[Mapping[type[Body], str]] = MappingProxyType(
    {TextBody: "txt", CommandBody: "cmd", LocationBody: "loc", CustomBody: "custom"}
)


_DROPPED_WHOLE: Final = ("phone", "email")
"""Half a number or address is worth less than none."""

_SHORTENED: Final = ("description", *_DROPPED_WHOLE, "companyName", "trueName", "tags", "userNickname")
"""The visitor's fields, the least important first."""


def fit(ext: Mapping[str, Json], max_bytes: int = MAX_EXT_BYTES) -> dict[str, Json]:
    """
    Return *ext* with the visitor's fields shortened until it takes at most *max_bytes*.

    A nickname keeps at least its first character.

    Raises:
        ValueError: what must not be shortened takes more than that.

    """
    fitted = dict(ext)
    for name in _SHORTENED:
        excess = ext_bytes(fitted) - max_bytes
        if excess <= 0:
            break
        fitted = _shorten(fitted, name, excess)
    if ext_bytes(fitted) > max_bytes:
        raise ValueError(f"ext cannot be made as short as {max_bytes} bytes")
    return fitted


def ext_bytes(ext: Json) -> int:
    """Return the bytes *ext* takes as compact JSON in UTF-8."""
    return len(json.dumps(ext, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def _shorten(ext: Mapping[str, Json], name: str, excess: int) -> dict[str, Json]:
    """Return *ext* with one field of the visitor's shortened by *excess* bytes, or as far as it goes."""
    weichat = _object(ext.get("weichat"))
    visitor = _object(weichat.get("visitor"))
    value = visitor.get(name)
    shorter: Json
    if isinstance(value, str):
        shorter = "" if name in _DROPPED_WHOLE else _beginning(value, ext_bytes(value) - excess)
        if name == "userNickname":
            shorter = shorter or value[:1]
    elif isinstance(value, Sequence):
        shorter = _first_of(value, ext_bytes(value) - excess)
    else:
        return dict(ext)
    rest = {key: each for key, each in visitor.items() if key != name or shorter}
    if shorter:
        rest[name] = shorter
    return {**ext, "weichat": {**weichat, "visitor": rest}}


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _first_of(values: Sequence[Json], max_bytes: int) -> Sequence[Json]:
    """Return as many of *values* as take at most *max_bytes* as JSON."""
    return next((values[:count] for count in range(len(values), 0, -1) if ext_bytes(values[:count]) <= max_bytes), [])


_ELLIPSIS: Final = "…"
_JOINER: Final = "\u200d"


def _beginning(text: str, max_bytes: int) -> str:
    """Return the beginning of *text*, marked as one, that takes at most *max_bytes* as JSON; empty when none does."""
    room = max_bytes - ext_bytes(_ELLIPSIS)
    sizes = accumulate(ext_bytes(character) - len('""') for character in text)
    end = sum(1 for size in sizes if size <= room)
    beginning = text[:end].rstrip().rstrip(_JOINER)
    return beginning + _ELLIPSIS if beginning else ""


def _printable(text: str) -> str:
    """Return *text* on one line without characters that no name can be told by; empty when nothing is seen of it."""
    kept = "".join(
        each
        for each in text
        if unicodedata.category(each) not in ("Cc", "Cf", "Cs") or each.isspace() or each == _JOINER
    )
    line = " ".join(kept.split())
    return line if line.strip(_JOINER + " ") else ""
