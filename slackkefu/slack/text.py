"""
Text: from Slack's mrkdwn to words a person reads, and from foreign words to what Slack shows as they are.

Inside ``<…>`` Slack writes mentions, channels, links, dates; elsewhere it escapes exactly three characters
(facts/slack.md §6). So an item is told from words by its brackets before anything is unescaped, and words are unescaped
once: what a person typed as ``<!here>`` arrives escaped, mentions nobody and reads ``<!here>``.

Formatting marks stay as typed: ``*bold*`` reads well enough, and taking them away would damage code and arithmetic.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from slackkefu.slack.emoji import emojize
from slackkefu.slack.ids import ChannelId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Names", "clean", "escape", "mentions", "readable"]

_ITEM: Final = re.compile(r"<([^<>]*)>")
_ITEM_OR_CODE: Final = re.compile(r"<(?P<item>[^<>]*)>|(?P<code>```.*?```|`[^`\n]+`)", re.DOTALL)
_USER: Final = re.compile(r"@([A-Z][A-Z0-9]+)")
_CHANNEL: Final = re.compile(r"#([A-Z][A-Z0-9]+)")
_GROUP: Final = re.compile(r"!subteam\^([A-Z0-9]+)")
_DATE: Final = re.compile(r"!date\^(-?\d{1,12})\^[^^]*(?:\^(.*))?", re.DOTALL)
_LINK: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)
_BROADCASTS: Final = frozenset({"!here", "!channel", "!everyone"})

_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters without a meaning in a message, and halves of characters, which no UTF-8 can carry."""


class Names(Protocol):
    """What people and channels are called, as far as known at once."""

    def user(self, user_id: UserId, /) -> str | None:
        """Return the name of a person, or None."""
        ...

    def channel(self, channel_id: ChannelId, /) -> str | None:
        """Return the name of a channel without ``#``, or None."""
        ...


def readable(text: str, *, names: Names, emoji: Mapping[str, str], me: frozenset[UserId] = frozenset()) -> str:
    """
    Return the words of a Slack message as plain text.

    Args:
        text: The message's ``text``.
        names: Names for mentions; an unknown one shows its id.
        emoji: Characters by name without colons, from the message's blocks.
        me: The app's own users; mentions of them at the very beginning only say who is spoken to, and are left out.

    """
    if me:
        address = _address(me).match(text)
        text = text[address.end() :] if address is not None else text
    done: list[str] = []
    start = 0
    for found in _ITEM_OR_CODE.finditer(text):
        done.append(emojize(_unescaped(text[start : found.start()]), emoji))
        if found["item"] is not None:
            done.append(_item(found["item"], names, emoji))
        else:
            # In code a colon is a colon.
            done.append(_code(found["code"], names))
        start = found.end()
    done.append(emojize(_unescaped(text[start:]), emoji))
    return clean("".join(done)).strip()


def mentions(text: str) -> frozenset[UserId]:
    """Return the users mentioned in the ``text`` of a Slack message; what only looks like a mention is none."""
    found = (_USER.fullmatch(item.partition("|")[0]) for item in _ITEM.findall(text))
    return frozenset(UserId(user[1]) for user in found if user is not None)


def escape(text: str) -> str:
    """
    Return *text* so that Slack shows it as it is: nothing in it mentions, links or pings.

    Plain ``@here`` becomes a mention only under ``link_names`` or ``parse: full``, which are never sent, and formatting
    marks act only without ``mrkdwn: false`` (facts/slack.md §6); both are the post's business.
    """
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(text: str) -> str:
    """Return *text* with line feeds for line ends, and without what no message can carry or show."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _address(me: frozenset[UserId]) -> re.Pattern[str]:
    """Return the shape of mentions of *me* that begin a text, with the comma or colon behind them."""
    # A colon with something directly behind it may begin an emoji.
    names = "|".join(map(re.escape, sorted(me)))
    return re.compile(rf"\s*(?:<@(?:{names})(?:\|[^<>]*)?>(?:[，：；、]+|[,:;]+(?=\s|\Z))?\s*)+")


def _code(code: str, names: Names) -> str:
    """Return a piece of code: links and mentions in it are items still, everything else is as typed."""
    done: list[str] = []
    start = 0
    for found in _ITEM.finditer(code):
        done += (_unescaped(code[start : found.start()]), _item(found[1], names, {}))
        start = found.end()
    return "".join((*done, _unescaped(code[start:])))


# The forms of an item, in the order of the table in facts/slack.md §6.


def _item(item: str, names: Names, emoji: Mapping[str, str]) -> str:
    """Return what a reader sees of ``<item>``."""
    what, _, label = item.partition("|")
    label = _unescaped(label)
    if (user := _USER.fullmatch(what)) is not None:
        return "@" + _one_line(names.user(UserId(user[1])) or label.removeprefix("@") or user[1])
    if (channel := _CHANNEL.fullmatch(what)) is not None:
        return "#" + _one_line(label.removeprefix("#") or names.channel(ChannelId(channel[1])) or channel[1])
    if what in _BROADCASTS:
        return "@" + what[1:]
    if (group := _GROUP.fullmatch(what)) is not None:
        return "@" + _one_line(label.removeprefix("@") or group[1])
    if (date := _DATE.fullmatch(what)) is not None:
        shown = label or _utc(int(date[1]))
        return f"{shown} ({_unescaped(date[2])})" if date[2] else shown
    if what.startswith("!"):
        return label or what[1:]
    if _LINK.fullmatch(what) is not None:
        return _link(_unescaped(what), emojize(label, emoji))
    # No form of Slack's: somebody's words, never escaped.
    return _unescaped(f"<{item}>")


def _link(url: str, label: str) -> str:
    scheme, _, address = url.partition(":")
    target = address if scheme.lower() in ("mailto", "tel") else url
    bare = address.removeprefix("//").rstrip("/")
    if not label or label.rstrip("/") in (url.rstrip("/"), bare):
        return target
    return f"{label} ({target})"


def _utc(seconds: int) -> str:
    """Return a moment in words, for the rare date that brings no fallback text."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _one_line(name: str) -> str:
    return " ".join(name.split())
