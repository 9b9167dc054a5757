"""
What kinds of things are called where they have no form of their own, in Chinese and in English.

These are names and short phrases inside a message of kefu's, such as the ``[图片 Image]`` before a file's name; whole
sentences of the bridge's own are in :mod:`slackkefu.bridge.sentences`. A reader whose language is known reads one
language; one whose language is not reads both, Chinese first.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Language", "Wording", "phrase", "tag"]

Language: TypeAlias = Literal["zh-CN", "en-US"]
"""A language of the desk's, and of ours."""


class Wording(enum.Enum):
    """What has a name here."""

    # Kinds of messages.
    IMAGE = enum.auto()
    FILE = enum.auto()
    VOICE = enum.auto()
    VIDEO = enum.auto()
    STICKER = enum.auto()
    LOCATION = enum.auto()
    ARTICLE = enum.auto()
    FORM = enum.auto()
    RATING = enum.auto()
    SESSION = enum.auto()
    TICKET = enum.auto()
    VIDEO_CALL = enum.auto()
    # Offers.
    HUMAN_AGENT = enum.auto()
    TALK_TO_HUMAN = enum.auto()
    LEAVE_A_MESSAGE = enum.auto()
    RELATED_QUESTIONS = enum.auto()
    # What they say.
    PLEASE_RATE = enum.auto()
    NO_CALL_HERE = enum.auto()
    # What happened to a service session.
    CREATED = enum.auto()
    OPENED = enum.auto()
    TRANSFERRING = enum.auto()
    TRANSFERRED = enum.auto()
    CLOSED = enum.auto()
    LONG_WAIT = enum.auto()


_WORDS: Final[Mapping[Wording, Mapping[Language, str]]] = MappingProxyType(
    {
        Wording.IMAGE: {"zh-CN": "图片", "en-US": "Image"},
        Wording.FILE: {"zh-CN": "文件", "en-US": "File"},
        Wording.VOICE: {"zh-CN": "语音", "en-US": "Voice"},
        Wording.VIDEO: {"zh-CN": "视频", "en-US": "Video"},
        Wording.STICKER: {"zh-CN": "表情", "en-US": "Sticker"},
        Wording.LOCATION: {"zh-CN": "位置", "en-US": "Location"},
        Wording.ARTICLE: {"zh-CN": "图文", "en-US": "Article"},
        Wording.FORM: {"zh-CN": "表单", "en-US": "Form"},
        Wording.RATING: {"zh-CN": "评价", "en-US": "Rating"},
        Wording.SESSION: {"zh-CN": "会话", "en-US": "Session"},
        Wording.TICKET: {"zh-CN": "留言", "en-US": "Ticket"},
        Wording.VIDEO_CALL: {"zh-CN": "视频通话", "en-US": "Video call"},
        Wording.HUMAN_AGENT: {"zh-CN": "人工客服", "en-US": "Human agent"},
        Wording.TALK_TO_HUMAN: {"zh-CN": "转人工", "en-US": "Talk to a human"},
        Wording.LEAVE_A_MESSAGE: {"zh-CN": "留言", "en-US": "Leave a message"},
        Wording.RELATED_QUESTIONS: {"zh-CN": "相关问题", "en-US": "Related questions"},
        Wording.PLEASE_RATE: {"zh-CN": "请评价本次服务", "en-US": "Please rate this conversation"},
        Wording.NO_CALL_HERE: {"zh-CN": "这里无法接通", "en-US": "cannot be taken here"},
        Wording.CREATED: {"zh-CN": "等待接入", "en-US": "waiting for an agent"},
        Wording.OPENED: {"zh-CN": "已接入", "en-US": "joined"},
        Wording.TRANSFERRING: {"zh-CN": "转接中，请稍候", "en-US": "being transferred, please wait"},
        Wording.TRANSFERRED: {"zh-CN": "已转接", "en-US": "transferred"},
        Wording.CLOSED: {"zh-CN": "会话已结束", "en-US": "conversation ended"},
        Wording.LONG_WAIT: {"zh-CN": "等待时间较长", "en-US": "nobody was free so far"},
    }
)


def tag(wording: Wording, language: Language | None = None) -> str:
    """Return a name in brackets, as it stands before what it names; None is for both languages."""
    return f"[{_joined(wording, language, ' ')}]"


def phrase(wording: Wording, language: Language | None = None) -> str:
    """Return words as they stand in a line; None is for both languages."""
    return _joined(wording, language, " / ")


def _joined(wording: Wording, language: Language | None, between: str) -> str:
    words = _WORDS[wording]
    return between.join(words.values()) if language is None else words[language]
