"""
What the bridge itself says to people: every sentence, in Chinese and in English.

A reader whose language is known is spoken to in it; one whose language is not gets what the operator chose
(:mod:`slackkefu.bridge.languages`), by default both, Chinese first. To agents, whose language nobody tells, one short
line speaks both.

The names of kinds of messages are in :mod:`slackkefu.kefu.wording`.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slackkefu.kefu.outgoing import language_of
from slackkefu.kefu.wording import Wording, tag
from slackkefu.slack.ids import written_at
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.outgoing import Language
    from slackkefu.slack.ids import Ts

__all__ = [
    "ROBOT",
    "NotCarried",
    "Sentence",
    "deleted",
    "edited",
    "emptied",
    "file_line",
    "label",
    "late",
    "more_files",
    "not_in_slack",
    "say",
    "source",
    "when",
    "written",
]

ROBOT: Final = "机器人 Bot"
"""What a robot's messages are marked with, beside its name."""

_LONGEST_PLACE: Final = 80
"""As long as Slack lets the name of a channel be."""

_LONGEST_TS: Final = 40
"""Of one that names no time."""


class Sentence(enum.Enum):
    """A sentence to a customer in Slack."""

    NOT_ARRIVED = enum.auto()
    """A message surely did not reach the desk."""
    PERHAPS_NOT_ARRIVED = enum.auto()
    """A message may not have reached the desk."""
    CHANGE_NOT_ARRIVED = enum.auto()
    """The desk surely does not know that a message was edited or deleted."""
    CHANGE_PERHAPS_NOT_ARRIVED = enum.auto()
    """The desk may not know that a message was edited or deleted."""

    # Recalls.
    RECALLED = enum.auto()
    """Stands where a message stood that its agent has taken back."""
    NOT_RECALLED = enum.auto()
    """An agent has taken back a message that stands still."""

    # How a service session stands; ``name`` is whoever has taken it.
    SESSION_WAITING = enum.auto()
    SESSION_WAITING_LONG = enum.auto()
    SESSION_OPENED = enum.auto()
    SESSION_OPENED_BY = enum.auto()
    SESSION_TRANSFERRING = enum.auto()
    SESSION_TRANSFERRED = enum.auto()
    SESSION_TRANSFERRED_TO = enum.auto()
    SESSION_CLOSED = enum.auto()
    # What kefu offers: on buttons, in modals, and about clicks.
    CHOOSE = enum.auto()
    LEAVE_A_NOTE = enum.auto()
    DECLINE = enum.auto()
    RATE = enum.auto()
    RATING_TITLE = enum.auto()
    RATING_DEGREE = enum.auto()
    RATING_TAGS = enum.auto()
    RATING_REMARK = enum.auto()
    RATING_SEND = enum.auto()
    RATING_CANCEL = enum.auto()
    RATING_CHOOSE_TAG = enum.auto()
    """Asks for at least one reason."""
    RATED = enum.auto()
    """Stands where the invitation could be taken."""
    NOT_YOURS = enum.auto()
    """Somebody pressed a button that is another person's."""
    ALREADY_ANSWERED = enum.auto()
    OVER = enum.auto()
    """What the button belongs to is over."""
    OVER_HERE = enum.auto()
    """Stands where the buttons were."""
    RATING_OVER = enum.auto()
    PRESS_AGAIN = enum.auto()
    """The modal could not be opened in time."""
    USEFUL = enum.auto()
    NOT_USEFUL = enum.auto()
    CLICK_FAILED = enum.auto()
    """A click could not be taken."""


_WORDS: Final[Mapping[Sentence, Mapping[Language, str]]] = MappingProxyType(
    {
        Sentence.NOT_ARRIVED: {
            "zh-CN": "您 {when} 发送的消息没有送达客服，请重新发送。",
            "en-US": "Your message of {when} did not reach customer service. Please send it again.",
        },
        Sentence.PERHAPS_NOT_ARRIVED: {
            "zh-CN": "您 {when} 发送的消息可能没有送达客服。如果没有得到回复，请重新发送。",
            "en-US": "Your message of {when} may not have reached customer service. If nobody answers, send it again.",
        },
        Sentence.CHANGE_NOT_ARRIVED: {
            "zh-CN": "您对 {when} 的消息所作的更改没有送达客服，客服看到的仍是原来的内容。",
            "en-US": "Your change to the message of {when} did not reach customer service. They see the old words.",
        },
        Sentence.CHANGE_PERHAPS_NOT_ARRIVED: {
            "zh-CN": "您对 {when} 的消息所作的更改可能没有送达客服。",
            "en-US": "Your change to the message of {when} may not have reached customer service.",
        },
        # Recalls.
        Sentence.RECALLED: {"zh-CN": "此消息已撤回", "en-US": "This message was recalled"},
        Sentence.NOT_RECALLED: {
            "zh-CN": "客服撤回了之前的一条消息，但在这里无法删除它。",
            "en-US": "Customer service has recalled an earlier message, which cannot be removed here.",
        },
        # How a service session stands.
        Sentence.SESSION_WAITING: {
            "zh-CN": "正在等待客服接入，请稍候。",
            "en-US": "Waiting for customer service to take your conversation.",
        },
        Sentence.SESSION_WAITING_LONG: {
            "zh-CN": "客服暂时无人空闲，仍在为您等待接入。",
            "en-US": "Nobody is free yet; your conversation is still waiting.",
        },
        Sentence.SESSION_OPENED: {
            "zh-CN": "会话已接入，正在为您服务。",
            "en-US": "Customer service has taken your conversation.",
        },
        Sentence.SESSION_OPENED_BY: {"zh-CN": "{name} 正在为您服务。", "en-US": "{name} is with you now."},
        Sentence.SESSION_TRANSFERRING: {
            "zh-CN": "正在为您转接，请稍候。",
            "en-US": "You are being transferred, please wait.",
        },
        Sentence.SESSION_TRANSFERRED: {"zh-CN": "会话已转接。", "en-US": "You have been transferred."},
        Sentence.SESSION_TRANSFERRED_TO: {
            "zh-CN": "会话已转接给 {name}。",
            "en-US": "You have been transferred to {name}.",
        },
        Sentence.SESSION_CLOSED: {"zh-CN": "本次会话已结束。", "en-US": "This conversation has ended."},
        # What kefu offers.
        Sentence.CHOOSE: {"zh-CN": "请选择", "en-US": "Please choose"},
        Sentence.LEAVE_A_NOTE: {"zh-CN": "留言", "en-US": "Leave a note"},
        Sentence.DECLINE: {"zh-CN": "谢绝", "en-US": "Decline"},
        Sentence.RATE: {"zh-CN": "评价", "en-US": "Rate"},
        Sentence.RATING_TITLE: {"zh-CN": "服务评价", "en-US": "Rating"},
        Sentence.RATING_DEGREE: {"zh-CN": "您对本次服务满意吗？", "en-US": "How satisfied are you?"},
        Sentence.RATING_TAGS: {"zh-CN": "原因", "en-US": "Reasons"},
        Sentence.RATING_REMARK: {"zh-CN": "您的意见", "en-US": "Your remarks"},
        Sentence.RATING_SEND: {"zh-CN": "提交", "en-US": "Send"},
        Sentence.RATING_CANCEL: {"zh-CN": "取消", "en-US": "Cancel"},
        Sentence.RATING_CHOOSE_TAG: {"zh-CN": "请至少选择一项。", "en-US": "Please choose at least one."},
        Sentence.RATED: {"zh-CN": "感谢您的评价", "en-US": "Thank you for your rating"},
        Sentence.NOT_YOURS: {
            "zh-CN": "这是给其他人的按钮，您的点击没有发送给客服。",
            "en-US": "This button is for somebody else. Your click was not sent to customer service.",
        },
        Sentence.ALREADY_ANSWERED: {
            "zh-CN": "您已经回答过了，没有再次发送。",
            "en-US": "You have answered this already. It was not sent again.",
        },
        Sentence.OVER: {
            "zh-CN": "这段会话已经结束，您的选择没有发送。请直接写消息联系客服。",
            "en-US": "That conversation is over, and your choice was not sent. Please write a message instead.",
        },
        Sentence.OVER_HERE: {"zh-CN": "已失效", "en-US": "No longer available"},
        Sentence.RATING_OVER: {
            "zh-CN": "评价时间已过，没有发送。",
            "en-US": "It is too late to rate this conversation. Nothing was sent.",
        },
        Sentence.PRESS_AGAIN: {
            "zh-CN": "窗口没有及时打开，请再点一次。",
            "en-US": "The form could not be opened in time. Please press the button again.",
        },
        Sentence.USEFUL: {"zh-CN": "👍 有用", "en-US": "Useful"},
        Sentence.NOT_USEFUL: {"zh-CN": "👎 没用", "en-US": "Not useful"},
        Sentence.CLICK_FAILED: {
            "zh-CN": "您的选择没有发送，请直接写消息联系客服。",
            "en-US": "Your choice could not be sent. Please write a message instead.",
        },
    }
)


def say(sentence: Sentence, *, locale: str, **facts: str) -> str:
    """
    Return *sentence* in Slack's markup.

    Args:
        sentence: What to say.
        locale: The reader's, by :class:`~slackkefu.bridge.languages.Languages`, like ``en-US``; empty for both
            languages.
        facts: What the sentence names, in Slack's markup: a message by :func:`when`, a name escaped.

    """
    return "\n".join(each.format(**facts) for each in _chosen(sentence, locale))


def label(sentence: Sentence, *, locale: str) -> str:
    """Return *sentence* on one line without markup, as it stands on a button or over a form; arguments as for `say`."""
    return " / ".join(_chosen(sentence, locale))


def _chosen(sentence: Sentence, locale: str) -> list[str]:
    words = _WORDS[sentence]
    return [words[language_of(locale)]] if locale else list(words.values())


def when(ts: Ts) -> str:
    """Return when a message was written, as Slack shows it to each reader in their own time (facts/slack.md §6)."""
    at = written_at(ts)
    return escape(ts) if at is None else f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{_utc(at)}>"


def late(at: float) -> str:
    """Return the line before words that were written at *at*, and come to the desk out of their time."""
    return f"[补发 Late · {_utc(at)}]"


def edited(ts: Ts) -> str:
    """Return the line before the new words of a message that was edited after it had left."""
    return f"[更正 Edited · {_of(ts)}]"


def emptied() -> str:
    """Return what stands for the new words of a message that was edited to have none."""
    return "（文字已删去 The words were removed）"


def deleted(ts: Ts) -> str:
    """Return the line that says that a message was deleted, and never what it said."""
    return f"[已删除 Deleted] 客户删除了 {_of(ts)} 的消息 / The message of {_of(ts)} was deleted"


def source(kind: str, name: str) -> str:
    """Return the title of the card that shows where in Slack somebody writes: the kind of conversation, or its name."""
    places = {"im": "私信 Direct message", "mpim": "群聊 Group conversation"}
    return f"Slack · {places.get(kind) or f'#{name[:_LONGEST_PLACE]}'}"


def written(ts: Ts) -> str:
    """Return when a message was written, as an agent reads it."""
    return _of(ts)


def not_in_slack(code: str) -> str:
    """Return the note to an agent that an answer of theirs did not arrive, with why: a stable name."""
    return (
        f"[系统提示 System] 您有一条回复未能送达 Slack ({code})"
        f" / An answer of yours could not be delivered in Slack ({code})"
    )


def _of(ts: Ts) -> str:
    at = written_at(ts)
    return ts[:_LONGEST_TS] if at is None else _utc(at)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


# Files from Slack, to agents.


class NotCarried(enum.StrEnum):
    """Why a file that a customer sent is not at the desk; the name in logs and counters, so never changed."""

    TOO_LARGE = "too_large"
    REFUSED_TYPE = "refused_type"
    EXTERNAL = "external"
    DELETED = "deleted"
    HIDDEN = "hidden"
    DENIED = "denied"
    NOT_GIVEN = "not_given"
    """Slack does not hand it out."""
    NOT_TAKEN = "not_taken"
    """Easemob does not take it."""
    FAILED = "failed"
    """The network failed too often."""


_NOT_CARRIED: Final[Mapping[NotCarried, str]] = MappingProxyType(
    {
        NotCarried.TOO_LARGE: "超过 10 MB，未转发 / over 10 MB, not passed on",
        NotCarried.REFUSED_TYPE: "此类文件不转发 / this type of file is not passed on",
        NotCarried.EXTERNAL: "外部链接 / a link to a file elsewhere",
        NotCarried.DELETED: "已被删除 / deleted",
        NotCarried.HIDDEN: "超出 Slack 套餐限制，不可见 / hidden by the limit of a Slack plan",
        NotCarried.DENIED: "无权读取 / may not be read",
        NotCarried.NOT_GIVEN: "无法从 Slack 下载 / could not be had from Slack",
        NotCarried.NOT_TAKEN: "无法上传 / could not be uploaded",
        NotCarried.FAILED: "传输失败 / could not be passed on",
    }
)


def file_line(name: str, *, why: NotCarried | None = None, link: str = "") -> str:
    """
    Return the line that stands for a file.

    Args:
        name: What it is called; one line.
        why: Why the file itself is not there.
        link: Where people who may can look at it; empty where nothing leads there.

    """
    return " · ".join(filter(None, (f"{tag(Wording.FILE)} {name}", _NOT_CARRIED[why] if why is not None else "", link)))


def more_files(count: int) -> str:
    """Return the line that stands for files beyond those that are carried."""
    return f"{tag(Wording.FILE)} 另有 {count} 个文件 / {count} more files"
