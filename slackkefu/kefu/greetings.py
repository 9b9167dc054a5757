"""
Reading the desk's greetings, as its own page asks for them (facts/kefu.md §2.10, §3.1).

The company's is bare text; the robot's has one of several forms, most of them JSON in a text, and all of it may be
escaped up to three times. Each becomes a message as the second channel hands them out, so that it is read and shown
like all others. What has no form that we know is passed over.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from slackkefu.kefu.fields import at, entries, number, words
from slackkefu.kefu.im_json import read_entity, read_value, write_entity
from slackkefu.kefu.second_channel import Received
from slackkefu.kefu.text import is_blank, unescape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.easemob.message import Json
    from slackkefu.easemob.names import ImUser

__all__ = ["company_greeting", "robot_greetings"]

MAX_CHARACTERS: Final = 5000
"""The company's has up to 500 (facts/kefu.md §2.10), each of which may be escaped."""
MAX_PARTS: Final = 10
MAX_ESCAPES: Final = 3
"""So often a greeting was seen escaped (facts/kefu.md §2.2); reading a message undoes two of them."""

_PAGE: Final = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)\b", re.IGNORECASE)

_TEXT, _MENU, _IMAGE, _ARTICLES, _LIST = 0, 1, 2, 4, 5


def company_greeting(raw: bytes, *, visitor: ImUser, sender: str) -> tuple[Received, ...]:
    """
    Read the company's greeting; none where there is none.

    Args:
        raw: The answer's body.
        visitor: Who is greeted.
        sender: The service number.

    """
    text = _text(raw)
    if _PAGE.match(text) or len(text) > MAX_CHARACTERS or is_blank(text):
        # Where something else answers, on the way or in the desk's place.
        return ()
    part: Mapping[str, Json] = {"bodies": [{"type": "txt", "msg": unescape(text, times=MAX_ESCAPES - 2)}]}
    return (_received(part, "company", "Scheduler", visitor=visitor, sender=sender),)


def robot_greetings(answer: Json, *, visitor: ImUser, sender: str) -> tuple[Received, ...]:
    """Read the robot's greeting, in the order of its parts; arguments as for :func:`company_greeting`."""
    parts = [*_parts(answer)][:MAX_PARTS]
    return tuple(
        _received(part, f"robot-{index}", "Robot", visitor=visitor, sender=sender) for index, part in enumerate(parts)
    )


def _text(raw: bytes) -> str:
    """Return a bare text, or one in JSON; empty for anything else in JSON."""
    try:
        answer = read_value(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
    if isinstance(answer, str):
        return answer
    said = at(answer, "entity") if words(at(answer, "status")).upper() == "OK" else None
    return said if isinstance(said, str) else ""


def _received(part: Mapping[str, Json], kind: str, by: str, *, visitor: ImUser, sender: str) -> Received:
    """Make the message of one part."""
    ext = at(part, "ext")
    weichat: Json = {"msgId": f"greeting-{kind}-{visitor}", "agent": {"userType": by}}
    entity: Mapping[str, Json] = {
        "from": sender,
        "to": visitor,
        "bodies": at(part, "bodies"),
        "ext": {**(ext if isinstance(ext, Mapping) else {}), "weichat": weichat},
    }
    return Received(read_entity(entity, visitor=visitor), write_entity(entity))


def _parts(answer: Json, *, is_inner: bool = False) -> Iterator[Mapping[str, Json]]:
    """Yield what each part of a greeting has of a message: ``bodies``, and ``ext`` where it is in that."""
    kind, given = number(at(answer, "greetingTextType")), at(answer, "greetingText")
    if kind == _TEXT and not is_blank(words(given)):
        yield {"bodies": [{"type": "txt", "msg": unescape(words(given), times=MAX_ESCAPES - 2)}]}
        return
    content = _content(given)
    if kind == _MENU and isinstance(at(content, "ext", "msgtype", "choice"), Mapping):
        yield {"bodies": [{"type": "txt", "msg": ""}], "ext": {"msgtype": at(content, "ext", "msgtype")}}
    elif kind == _IMAGE and words(at(content, "urlPath")):
        yield {"bodies": [{"type": "img", "url": words(at(content, "urlPath"))}]}
    elif kind == _ARTICLES and entries(at(content, "news", "articles")):
        articles = at(content, "news", "articles")
        yield {"bodies": [{"type": "txt", "msg": ""}], "ext": {"msgtype": {"articles": articles}}}
    elif kind == _LIST and not is_inner:
        for each in entries(content):
            yield from _parts(each, is_inner=True)


def _content(given: Json) -> Json:
    """Return what a text holds as JSON, however often it is escaped; None where that is nothing."""
    if not isinstance(given, str):
        return given
    for times in range(MAX_ESCAPES + 1):
        try:
            return read_value(unescape(given, times=times).encode("utf-8", "replace"))
        except ValueError:
            continue
    return None
