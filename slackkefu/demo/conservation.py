"""
The conservation ledger: what was sent and what has arrived, read from what the two fakes wrote down.

Slack's ledger has every event for the app with all its deliveries, and every post; the desk has every line heard and
said. What is for the desk follows the rules that people are told: direct messages always; in channels, by default,
what mentions the app, and the same person's further words in that thread for a day or until the desk closes. A message
on its way to the desk is known by its words, one on its way to Slack by kefu's id for it, which each post carries.

A label that was chosen, by a click or by its number, arrives as the label; a click is no message of Slack's, and only a
number that was typed is looked for here.

An edited message may arrive as any edit has made it, and one that its writer has deleted, or its agent recalled, need
not. What the desk is told of edits and deletions later is not judged, nor are messages to the desk in which nothing is
but files. A file of an agent's is known by its name, or has arrived with the line that names it. Another post that
carries no message of kefu's is no answer: what the bridge says of itself.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

import emoji

from slackkefu.demo.desk import Conversation, Heard
from slackkefu.demo.easemob.ledger import Accepted, Pulled
from slackkefu.demo.judge import LATE_S, Arrived, Lane, Sent, judge
from slackkefu.demo.slack.ledger import AttemptState
from slackkefu.demo.slack.model import ChannelKind
from slackkefu.demo.slack.typed import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from slackkefu.demo.desk import Desk, Said
    from slackkefu.demo.easemob import FakeEasemob
    from slackkefu.demo.judge import Verdict
    from slackkefu.demo.slack import FakeSlack, Parcel, Post
    from slackkefu.demo.slack.model import Message

__all__ = ["ChannelsMode", "judge_town", "lanes_of"]

ChannelsMode: TypeAlias = Literal["mention", "all", "off"]

LISTENING_S: Final = 24 * 3600.0
"""How long a mention keeps its thread open for whoever wrote it."""

_WRITTEN_BY_PEOPLE: Final = (None, "", "file_share", "me_message", "thread_broadcast")
"""Subtypes of what a person writes (facts/slack.md §4)."""

_FILE_LINE: Final = re.compile(r"^\[文件 File\] .*$", re.MULTILINE)
_LATE_LINE: Final = re.compile(r"\A\[补发 Late · [^\]\n]*\](?:\n|\Z)")
"""Lines of the bridge's own, beside a message's words."""
_CORRECTION: Final = re.compile(r"\A\[(?:更正 Edited|已删除 Deleted)\b")
"""How it begins when the bridge tells the desk of an edit or a deletion."""

_AFTER_NUMBER: Final = ".。、)）"
"""What may be typed behind the number of a choice."""

_LONG: Final = 500
"""Characters from which on a text may arrive in pieces."""


def judge_town(
    slack: FakeSlack, easemob: FakeEasemob, desk: Desk, *, channels: ChannelsMode = "mention", late_s: float = LATE_S
) -> Verdict:
    """
    Judge everything that people and agents said.

    Args:
        slack: The Slack.
        easemob: The Easemob.
        desk: The desk.
        channels: What of members' messages is for the desk.
        late_s: More than this is late.

    """
    return judge(lanes_of(slack, desk, channels=channels), late_s=late_s, absorbed=_absorbed(slack, easemob, desk))


def lanes_of(slack: FakeSlack, desk: Desk, *, channels: ChannelsMode = "mention") -> list[Lane]:
    """Return the lanes of all visitors, both ways."""
    moved = _moved(slack)
    written = _written(slack, desk, moved)
    posts, files = _posts(slack), _files(slack)
    lanes = []
    for visitor in dict.fromkeys((*written, *desk.conversations)):
        conversation = desk.conversations.get(visitor) or Conversation(visitor)
        wrote = written.get(visitor, ())
        sent = _for_the_desk(wrote, conversation, channels)
        lanes.append(Lane(f"to the desk: {visitor}", sent, [*_heard(conversation, wrote)]))
        lanes.append(_to_slack(visitor, conversation, posts, files, moved, told=_told(conversation, wrote)))
    return lanes


# Slack → desk.


@final
@dataclass(frozen=True, slots=True)
class _Written:
    """A message of a person's, however many events told of it."""

    text: str
    edited: tuple[str, ...]
    """As its edits have made it."""
    at: float
    thread: str
    """The ``ts`` of the thread's root: its own, where it is none."""
    is_direct: bool
    is_mention: bool
    is_there: bool
    """Its writer has not deleted it."""
    in_hand_at: float
    """When the app has acknowledged it, where the desk has not lost it then."""
    was_told: bool


def _written(slack: FakeSlack, desk: Desk, moved: Mapping[str, str]) -> Mapping[str, Sequence[_Written]]:
    """Return what people wrote, by visitor, in the order in which they wrote it."""
    users = slack.state.users
    bots = [user.id for user in users.values() if user.is_bot]
    mention = re.compile(rf"<@(?:{'|'.join(bots)})(?:\|[^>]*)?>")
    lost_at_the_desk = {_words(_LATE_LINE.sub("", text)) for text in desk.lost}

    def plain(text: str) -> str:
        return shown(mention.sub("", text)).strip()

    written: dict[str, list[_Written]] = {}
    edits = _edits(slack)
    for (channel_id, ts), parcels in _messages(slack).items():
        event, channel = parcels[0].event, slack.state.channels.get(channel_id)
        author, message = users[str(event["user"])], channel.find(ts) if channel is not None else None
        text = str(event.get("text") or "")
        visitor = f"{author.team.id}_{author.id}_{moved.get(channel_id, channel_id)}".lower()
        does = f"* {author.display_name or author.name} " if event.get("subtype") == "me_message" else ""
        written.setdefault(visitor, []).append(
            _Written(
                text=does + plain(text),
                edited=tuple(map(plain, edits.get((channel_id, ts), ()))),
                at=float(ts),
                thread=str(event.get("thread_ts") or ts),
                is_direct=channel is not None and channel.kind is ChannelKind.IM,
                is_mention=mention.search(text) is not None,
                is_there=message is not None,
                in_hand_at=inf
                if _words(plain(text)) in lost_at_the_desk
                else float(ts) + min(map(_taken_after_s, parcels)),
                was_told=message is not None and _was_told(message, slack),
            )
        )
    return written


def _messages(slack: FakeSlack) -> Mapping[tuple[str, str], Sequence[Parcel]]:
    """Return the events that tell of what people wrote, by channel and ``ts``."""
    events: dict[tuple[str, str], list[Parcel]] = {}
    for parcel in slack.ledger.parcels:
        event = parcel.event
        author = slack.state.users.get(str(event.get("user")))
        is_message = event.get("type") in ("message", "app_mention") and event.get("subtype") in _WRITTEN_BY_PEOPLE
        if is_message and author is not None and not author.is_bot:
            events.setdefault((str(event["channel"]), str(event["ts"])), []).append(parcel)
    return events


def _edits(slack: FakeSlack) -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the texts that edits have given to messages, by channel and ``ts``."""
    edits: dict[tuple[str, str], list[str]] = {}
    for event in (parcel.event for parcel in slack.ledger.parcels):
        message = event.get("message") if event.get("subtype") == "message_changed" else None
        if isinstance(message, dict):
            edits.setdefault((str(event["channel"]), str(message["ts"])), []).append(str(message.get("text") or ""))
    return edits


def _taken_after_s(parcel: Parcel) -> float:
    """Return how long after it was sent the app has acknowledged an event; ``inf`` where it has not."""
    begun = parcel.attempts[0].sent_at
    ended = (each.ended_at for each in parcel.attempts if each.state is AttemptState.ACKNOWLEDGED)
    return min((at - begun for at in ended if at is not None), default=inf)


def _was_told(message: Message, slack: FakeSlack) -> bool:
    """Tell whether the app has marked *message*; where it may not, whether it wrote to its author alone."""
    marked = any(user in slack.state.users and slack.state.users[user].is_bot for user in _marked_by(message))
    may_mark = all("reactions:write" in installation.scopes for installation in slack.state.installations)
    return marked or (not may_mark and any(_is_note_on(message, post) for post in slack.ledger.posts))


def _marked_by(message: Message) -> Iterator[str]:
    return (user for users in message.reactions.values() for user in users)


def _is_note_on(message: Message, post: Post) -> bool:
    return (
        message.user is not None
        and post.ephemeral_to == message.user.id
        and post.channel is message.channel
        and post.at >= message.arrived_at
    )


def _moved(slack: FakeSlack) -> Mapping[str, str]:
    """Return the first id of each channel that got another one."""
    first: dict[str, str] = {}
    for parcel in slack.ledger.parcels:
        if parcel.event.get("type") == "channel_id_changed":
            old, new = str(parcel.event.get("old_channel_id")), str(parcel.event.get("new_channel_id"))
            first[new] = first.get(old, old)
    return first


def _for_the_desk(written: Iterable[_Written], conversation: Conversation, channels: ChannelsMode) -> list[Sent]:
    """Say of each message of one visitor whether it is for the desk."""
    closed_at = [line.at for line in conversation.said if line.kind == "event" and line.text == "closed"]
    opened: dict[str, float] = {}
    sent = []
    for each in written:
        if each.is_mention:
            opened[each.thread] = each.at
        since = opened.get(each.thread)
        listens = since is not None and each.at - since < LISTENING_S and not any(at > since for at in closed_at)
        is_for_desk = each.is_direct or channels == "all" or (channels == "mention" and listens)
        if each.text:
            is_owed = is_for_desk and each.is_there
            sent.append(Sent(each.text, each.at, each.in_hand_at, each.was_told, is_owed=is_owed))
    return sent


def _heard(conversation: Conversation, written: Iterable[_Written]) -> Iterator[Arrived]:
    """Yield what was heard as it was written: a long text once its last piece is there; the first says when."""
    texts = {_words(text): each.text for each in written for text in (*each.edited, each.text) if text}
    numbers = _numbers(conversation)
    rests = {words: words for words in texts if len(words) >= _LONG}
    late: set[str] = set()
    for line in conversation.heard:
        if _CORRECTION.match(line.text):
            continue
        piece = _heard_words(line)
        says_when = _LATE_LINE.match(line.text) is not None
        if line.type != "txt" or not piece:
            continue
        if piece in texts:
            yield Arrived(texts[piece], line.at, says_when)
            continue
        typed = next((text for text in texts if text.rstrip(_AFTER_NUMBER) == numbers.get(line.text)), None)
        if typed is not None:
            yield Arrived(texts[typed], line.at, says_when)
            continue
        # A text and its edit may begin alike: a piece counts for both, until one of them is whole.
        for words, rest in rests.items():
            if rest.startswith(piece) or words.startswith(piece):
                rests[words] = (rest if rest.startswith(piece) else words).removeprefix(piece)
                late |= {words} if says_when else set()
        whole = next((words for words, rest in rests.items() if not rest), None)
        if whole is not None:
            yield Arrived(texts[whole], line.at, whole in late)
            alike = {words for words in rests if texts[words] == texts[whole]}
            rests |= {words: words for words in alike}
            late -= alike


def _numbers(conversation: Conversation) -> Mapping[str, str]:
    """Return the number by which each label of a menu could be typed."""
    return {label: str(number) for line in conversation.said for number, label in enumerate(line.labels, start=1)}


def _heard_words(line: Heard) -> str:
    """Return a person's own words in what was heard, as they are compared."""
    return _words(_FILE_LINE.sub("", _LATE_LINE.sub("", line.text)))


def _words(text: str) -> str:
    """Return *text* as it is compared: white space is lost where a long text is cut, an emoji has a code in Slack."""
    return emoji.emojize("".join(text.split()), language="alias")


# Desk → Slack.


def _posts(slack: FakeSlack) -> Mapping[str, Sequence[tuple[int, Post]]]:
    """Return the app's posts by the message of kefu's that they carry, each with its number."""
    found: dict[str, list[tuple[int, Post]]] = {}
    for number, post in enumerate(slack.ledger.posts):
        if not post.ephemeral_to:
            found.setdefault(post.metadata_id.rpartition("/")[0], []).append((number, post))
    return found


def _files(slack: FakeSlack) -> Mapping[str, Sequence[tuple[int, Post]]]:
    """Return the files that the app has shared by their names, each with its number; they carry no id of kefu's."""
    found: dict[str, list[tuple[int, Post]]] = {}
    for number, post in enumerate(slack.ledger.posts):
        for file in post.message.files:
            found.setdefault(file.name, []).append((number, post))
    return found


def _to_slack(
    visitor: str,
    conversation: Conversation,
    posts: Mapping[str, Sequence[tuple[int, Post]]],
    files: Mapping[str, Sequence[tuple[int, Post]]],
    moved: Mapping[str, str],
    *,
    told: Collection[int],
) -> Lane:
    """Return what the desk said to a visitor, and what of it has arrived where the visitor is answered."""
    _, user, channel = visitor.upper().rsplit("_", 2)
    sent: list[Sent] = []
    arrived: list[tuple[int, Arrived]] = []
    recalled = {line.text for line in conversation.said if line.kind == "recall"}
    for line in conversation.said:
        if line.kind in ("event", "ack", "recall"):
            continue
        its_posts = posts.get(line.message_id or str(line.server_id), ())
        is_file = line.kind == "file"
        if is_file:
            # The file itself, or else the line that stands for it.
            its_posts = files.get(line.text) or [each for each in its_posts if line.text in each[1].shown]
        here = (
            (number, post)
            for number, post in its_posts
            if moved.get(post.channel.id, post.channel.id) == channel
            or (post.channel.kind is ChannelKind.IM and user in post.channel.members)
        )
        is_text = line.kind == "text" and bool(line.text.strip())
        is_owed = (is_text or is_file) and line.message_id not in recalled
        sent.append(Sent(line.text, line.at, was_told=line.server_id in told, is_owed=is_owed))
        if is_file:
            arrived += ((number, Arrived(line.text, post.at)) for number, post in here)
        else:
            arrived += _complete(line, here, len(_words(line.text)) if is_text else 0)
    arrived.sort(key=lambda pair: pair[0])
    return Lane(f"to Slack: {visitor}", sent, [each for _, each in arrived])


def _complete(line: Said, posts: Iterable[tuple[int, Post]], length: int) -> Iterator[tuple[int, Arrived]]:
    """Yield an arrival for the post that makes an answer of *length* whole, and for each that was there already."""
    parts: set[str] = set()
    is_whole = False
    for number, post in posts:
        is_again = post.metadata_id in parts
        parts.add(post.metadata_id)
        length -= 0 if is_again else len(_words(post.shown))
        if is_again or (length <= 0 and not is_whole):
            yield number, Arrived(line.text, post.at)
        is_whole = length <= 0


def _told(conversation: Conversation, written: Iterable[_Written]) -> Collection[int]:
    """
    Return the answers whose agent was told that they have not arrived: something was heard that nobody wrote.

    One note is for a whole service session, so it speaks for every answer in it.
    """
    texts = [_words(text) for each in written for text in (each.text, *each.edited)]
    texts += [_words(label) for label in _numbers(conversation)]
    told: set[int] = set()
    session: set[int] = set()
    has_note = False
    for line in conversation.lines:
        if isinstance(line, Heard):
            words = _heard_words(line)
            is_answer = "msgtype" in line.ext or _CORRECTION.match(line.text)
            is_note = line.type == "txt" and not is_answer and not any(words in text for text in texts)
            has_note = has_note or is_note
        elif line.kind == "event" and line.text == "created":
            told |= session if has_note else set()
            session, has_note = set(), False
        else:
            session.add(line.server_id)
    return told | (session if has_note else set())


# What came again.


def _absorbed(slack: FakeSlack, easemob: FakeEasemob, desk: Desk) -> int:
    """Count what was delivered again: envelopes, messages under their old id, metas in pages."""
    envelopes = sum(
        sum(attempt.frames for attempt in parcel.attempts if attempt.link is not None) - 1
        for parcel in slack.ledger.parcels
        if any(attempt.link is not None for attempt in parcel.attempts)
    )
    accepted = sum(each.repeated for each in easemob.ledger.of(Accepted))
    pulled = Counter((page.user, page.resource, each) for page in easemob.ledger.of(Pulled) for each in page.ids)
    return envelopes + accepted + desk.repeats + sum(times - 1 for times in pulled.values())
