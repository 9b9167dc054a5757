"""
From the desk's words to Slack's: one message of kefu as the posts that carry it.

A pure mapping. Nothing an agent or robot writes can ping anyone: the whole text is escaped here, once, and is posted
with formatting and link names off (facts/slack.md §6). Kinds of message that have no form of their own yet are posted
as the plain line that says what they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.kefu_to_slack.speaking import APP
from slackkefu.bridge.split import cut
from slackkefu.slack.text import escape
from slackkefu.slack.web import Post

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.speaking import Voice
    from slackkefu.slack.ids import ChannelId, Ts, UserId

__all__ = ["InChannel", "InPrivate", "Place", "elsewhere", "line", "posts"]

MAX_POST_CHARACTERS: Final = 3900
"""Slack advises 4,000 characters a post, escapes included (facts/slack.md §8)."""


@dataclass(frozen=True, slots=True)
class InChannel:
    """In the conversation, in its thread if there is one."""

    channel: ChannelId
    thread_ts: Ts | None


@dataclass(frozen=True, slots=True)
class InPrivate:
    """In a direct message that names the channel, because no thread of the visitor's is known there."""

    user: UserId
    about: ChannelId


Place = InChannel | InPrivate


THREAD_REFUSED: Final = frozenset(
    {"cannot_reply_to_message", "thread_not_found", "restricted_action_non_threadable_channel"}
)
CHANNEL_REFUSED: Final = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "is_inactive",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_locked",
    }
)


def elsewhere(place: Place, refusal: str, *, user: UserId, is_direct: bool) -> Place | None:
    """
    Say where else a refused post may go (facts/slack.md §9), or None.

    In a direct message a thread that is gone costs only the thread. From a channel the answer goes to the visitor
    alone.

    Args:
        place: Where it was refused.
        refusal: Slack's error code.
        user: The visitor.
        is_direct: The conversation is a direct message.

    """
    if isinstance(place, InPrivate):
        return None
    if is_direct:
        return InChannel(place.channel, None) if place.thread_ts and refusal in THREAD_REFUSED else None
    return InPrivate(user, about=place.channel) if refusal in THREAD_REFUSED | CHANNEL_REFUSED else None


def posts(words: str, *, place: Place, identity: str, voice: Voice = APP, first: int = 0) -> tuple[Post, ...]:
    """
    Map what kefu said to the ordered posts that carry it.

    Args:
        words: What is to be read, with links written out: whether ``<url|label>`` acts with formatting off is not
            documented (facts/slack.md §6).
        place: Where it belongs.
        identity: kefu's id of the message; each post carries it and its number, to be found again after a lost answer.
        voice: Who seems to speak.
        first: The number of the first of them: a message may begin with something else.

    Returns:
        Empty when there is nothing to show.

    """
    prefix = f"<#{place.about}> " if isinstance(place, InPrivate) else ""
    channel = place.user if isinstance(place, InPrivate) else place.channel
    thread_ts = None if isinstance(place, InPrivate) else place.thread_ts
    return tuple(
        Post(
            channel=channel,
            text=prefix + piece,
            thread_ts=thread_ts,
            metadata_id=f"{identity}/{index}",
            username=voice.name,
            icon_url=voice.face,
        )
        for index, piece in enumerate(_pieces(words), start=first)
    )


def line(words: str, *, place: Place, identity: str) -> Post:
    """Map a short line of ours, in Slack's markup, to the one post that carries it; arguments as for :func:`posts`."""
    (post,) = posts("…", place=place, identity=identity)
    return replace(post, text=post.text.removesuffix("…") + words)


def _pieces(text: str) -> tuple[str, ...]:
    """Cut *text* so that each piece, escaped, fits one post; a character takes one to four bytes of UTF-8."""
    longest_escape = len("&amp;")
    for max_bytes in (MAX_POST_CHARACTERS * 3, MAX_POST_CHARACTERS, MAX_POST_CHARACTERS // 2):
        pieces = tuple(map(escape, cut(text, max_bytes)))
        if all(len(piece) <= MAX_POST_CHARACTERS for piece in pieces):
            return pieces
    return tuple(map(escape, cut(text, MAX_POST_CHARACTERS // longest_escape)))
