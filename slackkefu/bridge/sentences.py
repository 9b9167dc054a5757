"""
What the bridge itself says to people: every sentence, in Chinese and in English.

A reader whose language is known is spoken to in it; one whose language is not gets what the operator chose
(:mod:`slackkefu.bridge.languages`), by default both, Chinese first.

What agents read is in :mod:`slackkefu.bridge.agent_lines`, the names of kinds of messages in
:mod:`slackkefu.kefu.wording`.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slackkefu.kefu.outgoing import language_of
from slackkefu.slack.ids import written_at
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.outgoing import Language
    from slackkefu.slack.ids import Ts

__all__ = [
    "ROBOT",
    "WISHED",
    "Sentence",
    "label",
    "say",
    "utc",
    "when",
]

ROBOT: Final = "机器人 Bot"
"""What a robot's messages are marked with, beside its name."""


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
    SESSION_QUEUE = enum.auto()
    """How many wait, ``count``; below that a conversation waits."""

    # What the desk is asked about.
    TYPING = enum.auto()
    """An agent writes; follows the app's name."""
    OFF_DUTY = enum.auto()
    """Nobody works at the desk when somebody writes."""

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
    # The command, the home tab and the shortcut.
    HELP = enum.auto()
    """What can be typed behind the command; ``command`` is its name."""
    HUMAN_ASKED = enum.auto()
    """A human agent has been asked for."""
    NOTE_TAKEN = enum.auto()
    """A note is on its way to the desk."""
    QUESTION_TAKEN = enum.auto()
    """A question about a message is on its way."""
    NO_CONVERSATION_HERE = enum.auto()
    """Nothing to act on where the command was typed; ``app`` is a mention of the app."""
    NOTHING_OPEN = enum.auto()
    """There is no service session to act on."""
    NOT_NOW = enum.auto()
    """What was asked for could not be taken."""
    STATUS_OPEN = enum.auto()
    """A service session is open."""
    STATUS_WITH = enum.auto()
    """A service session is open with ``agent``."""
    STATUS_NOT_OPEN = enum.auto()
    """No service session is open."""
    STATUS_WAITING = enum.auto()
    """``count`` messages have not left yet."""
    RATE_NOT_POSSIBLE = enum.auto()
    """There is no service session that can be rated, or the form did not open."""
    END_NOT_POSSIBLE = enum.auto()
    """Only the desk can end a service session."""
    ENDED = enum.auto()
    """The service session has been ended, as was asked."""
    # What is on buttons and over forms: short, and without markup.
    BUTTON_HUMAN = enum.auto()
    BUTTON_RATE = enum.auto()
    BUTTON_STATUS = enum.auto()
    BUTTON_END = enum.auto()
    BUTTON_NOTE = enum.auto()
    BUTTON_HELP = enum.auto()
    SEND = enum.auto()
    CANCEL = enum.auto()
    NOTE_TITLE = enum.auto()
    NOTE_LABEL = enum.auto()
    QUESTION_TITLE = enum.auto()
    QUESTION_LABEL = enum.auto()
    QUESTION_HINT = enum.auto()
    # The home tab.
    HOME_TITLE = enum.auto()
    HOME_INTRODUCTION = enum.auto()
    HOME_DIRECT = enum.auto()
    """The conversation in the direct messages with the app."""
    # Who reads what is written.
    READS_DIRECT = enum.auto()
    """In direct messages."""
    READS_THREAD = enum.auto()
    """In a thread that a mention has opened."""
    READS_CHANNEL = enum.auto()
    """In a channel where everything is for the desk."""
    JOINED_MENTION = enum.auto()
    """The app has joined a channel; ``app`` is a mention of it."""
    JOINED_ALL = enum.auto()
    JOINED_OFF = enum.auto()


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
        Sentence.SESSION_QUEUE: {"zh-CN": "当前排队人数：{count}", "en-US": "Waiting in line: {count}"},
        # What the desk is asked about.
        Sentence.TYPING: {"zh-CN": "正在输入…", "en-US": "is typing…"},
        Sentence.OFF_DUTY: {
            "zh-CN": "现在不是客服的工作时间，回复可能会晚一些。",
            "en-US": "Customer service is off duty now. An answer may take longer.",
        },
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
        # The command, the home tab and the shortcut.
        Sentence.HELP: {
            "zh-CN": (
                "`{command} human` 转人工客服\n"
                "`{command} rate` 评价本次服务\n"
                "`{command} status` 查看会话状态\n"
                "`{command} end` 结束会话\n"
                "`{command} leave-a-note` 给客服留言\n"
                "也可以直接用中文：人工、评价、状态、结束、留言。"
            ),
            "en-US": (
                "`{command} human` asks for a human agent\n"
                "`{command} rate` rates the service\n"
                "`{command} status` says how your conversation stands\n"
                "`{command} end` ends it\n"
                "`{command} leave-a-note` leaves a note for customer service"
            ),
        },
        Sentence.HUMAN_ASKED: {
            "zh-CN": "已为您请求人工客服，请稍候，客服会在会话中回复您。",
            "en-US": "A human agent has been asked for. The answer comes in your conversation.",
        },
        Sentence.NOTE_TAKEN: {
            "zh-CN": "您的留言正在送往客服。",
            "en-US": "Your note is on its way to customer service.",
        },
        Sentence.QUESTION_TAKEN: {
            "zh-CN": "您的问题正在送往客服，回复会出现在这里。",
            "en-US": "Your question is on its way to customer service. The answer comes here.",
        },
        Sentence.NO_CONVERSATION_HERE: {
            "zh-CN": "您在这里没有与客服的会话。请给 {app} 发私信，或在它所在的频道里提及它。",
            "en-US": (
                "You have no conversation with customer service here. Write {app} a direct message, or mention it in a"
                " channel that it is in."
            ),
        },
        Sentence.NOTHING_OPEN: {
            "zh-CN": "您现在没有进行中的客服会话。",
            "en-US": "You have no open conversation with customer service.",
        },
        Sentence.NOT_NOW: {
            "zh-CN": "暂时无法处理，请稍后再试。",
            "en-US": "This cannot be done now. Please try again later.",
        },
        Sentence.STATUS_OPEN: {
            "zh-CN": "您与客服的会话正在进行。",
            "en-US": "Your conversation with customer service is open.",
        },
        Sentence.STATUS_WITH: {
            "zh-CN": "您与客服 {agent} 的会话正在进行。",
            "en-US": "Your conversation with {agent} of customer service is open.",
        },
        Sentence.STATUS_NOT_OPEN: {
            "zh-CN": "没有进行中的会话。直接在会话中发消息，客服就会收到。",
            "en-US": "No conversation is open. What you write in it reaches customer service and opens one.",
        },
        Sentence.STATUS_WAITING: {
            "zh-CN": "您有 {count} 条消息还在送往客服的途中。",
            "en-US": "Messages of yours that are still on their way to customer service: {count}.",
        },
        Sentence.RATE_NOT_POSSIBLE: {
            "zh-CN": "现在没有可以评价的服务：还没有会话，已经评价过，或者时间已过。",
            "en-US": (
                "There is nothing that you could rate now: no conversation yet, one that you have rated, or one that"
                " was too long ago."
            ),
        },
        Sentence.END_NOT_POSSIBLE: {
            "zh-CN": "这里只有客服能结束会话。您无需操作，没有新消息时客服会结束它。",
            "en-US": (
                "Only customer service can end a conversation here. You need not do anything: they end it when nothing"
                " more is written."
            ),
        },
        Sentence.ENDED: {
            "zh-CN": "会话已按您的要求结束。",
            "en-US": "Your conversation has been ended, as you asked.",
        },
        Sentence.BUTTON_HUMAN: {"zh-CN": "转人工", "en-US": "Talk to a human"},
        Sentence.BUTTON_RATE: {"zh-CN": "评价服务", "en-US": "Rate the service"},
        Sentence.BUTTON_STATUS: {"zh-CN": "会话状态", "en-US": "Status"},
        Sentence.BUTTON_END: {"zh-CN": "结束会话", "en-US": "End"},
        Sentence.BUTTON_NOTE: {"zh-CN": "留言", "en-US": "Leave a note"},
        Sentence.BUTTON_HELP: {"zh-CN": "帮助", "en-US": "Help"},
        Sentence.SEND: {"zh-CN": "发送", "en-US": "Send"},
        Sentence.CANCEL: {"zh-CN": "取消", "en-US": "Cancel"},
        Sentence.NOTE_TITLE: {"zh-CN": "留言", "en-US": "Leave a note"},
        Sentence.NOTE_LABEL: {"zh-CN": "给客服的留言", "en-US": "Your note to customer service"},
        Sentence.QUESTION_TITLE: {"zh-CN": "咨询客服", "en-US": "Ask support"},
        Sentence.QUESTION_LABEL: {"zh-CN": "您的问题", "en-US": "Your question"},
        Sentence.QUESTION_HINT: {
            "zh-CN": "客服会看到您的问题和这条消息。",
            "en-US": "Customer service sees your question and this message.",
        },
        Sentence.HOME_TITLE: {"zh-CN": "客服", "en-US": "Customer service"},
        Sentence.HOME_INTRODUCTION: {
            "zh-CN": "在“消息”标签页给我发私信，客服会收到并在那里回复您。",
            "en-US": "Write in the Messages tab: customer service reads it, and answers there.",
        },
        Sentence.HOME_DIRECT: {"zh-CN": "私信", "en-US": "Direct messages"},
        # Who reads what is written.
        Sentence.READS_DIRECT: {
            "zh-CN": "您在这里写的内容由客服人员阅读，他们的回复也会出现在这里。",
            "en-US": "What you write here is read by customer service. Their answers come here.",
        },
        Sentence.READS_THREAD: {
            "zh-CN": (
                "您在这个消息列里写的内容由客服人员阅读，直到会话结束。他们的回复会出现在消息列里，频道成员都能看到。"
            ),
            "en-US": (
                "What you write in this thread is read by customer service until the conversation ends. Their answers"
                " come in the thread, where everybody in the channel sees them."
            ),
        },
        Sentence.READS_CHANNEL: {
            "zh-CN": "您在这个频道里写的内容由客服人员阅读。他们的回复会出现在消息列里，频道成员都能看到。",
            "en-US": (
                "What you write in this channel is read by customer service. Their answers come in a thread, where"
                " everybody in the channel sees them."
            ),
        },
        Sentence.JOINED_MENTION: {
            "zh-CN": "大家好！提及 {app} 即可联系客服。客服只会看到提及我的消息，以及发送者随后在该消息列中写的内容。",
            "en-US": (
                "Hello! Mention {app} to reach customer service. They read only messages that mention me, and what"
                " their author then writes in that thread."
            ),
        },
        Sentence.JOINED_ALL: {
            "zh-CN": "大家好！从现在起，大家在这个频道里写的所有内容都由客服人员阅读。",
            "en-US": "Hello! From now on everything that people write in this channel is read by customer service.",
        },
        Sentence.JOINED_OFF: {
            "zh-CN": "大家好！客服不会阅读这个频道的内容。要联系客服，请给 {app} 发私信。",
            "en-US": (
                "Hello! Nothing in this channel is read by customer service. To reach them, write {app} a direct"
                " message."
            ),
        },
    }
)

WISHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "帮助": "help",
        "人工": "human",
        "转人工": "human",
        "人工客服": "human",
        "评价": "rate",
        "状态": "status",
        "结束": "end",
        "留言": "leave-a-note",
    }
)
"""The Chinese words that may be typed behind the command, with the English ones they stand for."""


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
    return escape(ts) if at is None else f"<!date^{int(at)}^{{date_short_pretty}} {{time}}|{utc(at)}>"


def utc(at: float) -> str:
    """Return a moment as it is written where nobody's own time is known."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
