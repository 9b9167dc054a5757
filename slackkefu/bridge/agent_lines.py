"""
What the bridge itself says to agents: lines before, after and instead of a customer's words.

Nobody tells an agent's language, so each line speaks both, Chinese first. What customers read is in
:mod:`slackkefu.bridge.sentences`, the names of kinds of messages in :mod:`slackkefu.kefu.wording`.
"""

from __future__ import annotations

import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slackkefu.bridge.sentences import utc
from slackkefu.kefu.wording import Wording, tag
from slackkefu.slack.ids import written_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.ids import Ts

__all__ = [
    "NotCarried",
    "asked_about",
    "deleted",
    "edited",
    "emptied",
    "file_line",
    "late",
    "more_files",
    "not_in_slack",
    "noted",
    "reached_again",
    "source",
    "stopped",
    "written",
]

_LONGEST_PLACE: Final = 80
"""As long as Slack lets the name of a channel be."""

_LONGEST_TS: Final = 40
"""Of one that names no time."""


def late(at: float) -> str:
    """Return the line before words that were written at *at*, and come to the desk out of their time."""
    return f"[补发 Late · {utc(at)}]"


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


_STOPPED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "app_removed": "客户所在的 Slack 工作区已卸载本应用 / The customer's Slack workspace has uninstalled the app",
        "needs_reinstall": (
            "客户所在的 Slack 工作区需要重新安装本应用 / The app has to be installed again in the customer's workspace"
        ),
        "workspace_withdrawn": (
            "客户所在的组织已不允许本应用在其工作区使用"
            " / The customer's organisation does not let the app work in their workspace any more"
        ),
        "left_channel": "本应用已被移出客户所在的频道 / The app is not in the customer's channel any more",
    }
)
"""By :class:`slackkefu.bridge.workspaces.reach.Why`."""


def stopped(why: str) -> str:
    """Return the note to an agent that their customer cannot be reached, why, and what becomes of answers."""
    return (
        f"[系统提示 System] {_STOPPED[why]}\n"
        "您的回复暂时无法送达，将在恢复后按顺序补发，但只保留数天"
        " / Your answers wait, and are delivered in order when it is back; they are kept for some days only"
    )


def reached_again() -> str:
    """Return the note to an agent that their customer can be reached again."""
    return (
        "[系统提示 System] 客户已恢复可达，等待中的回复正在补发"
        " / The customer can be reached again; what has waited is delivered now"
    )


def noted(words: str) -> str:
    """Return what a visitor leaves as a note, marked for the desk."""
    return f"[留言 Note] {words}"


def asked_about(question: str, *, author: str, quoted: str, link: str) -> str:
    """Return a question about a message, with that message, for the desk; what is not known is left out."""
    about = " ".join(filter(None, ("[引用 Quote]", f"{author}:" if author else "", quoted)))
    return "\n".join(filter(None, (question, about, link)))


def _of(ts: Ts) -> str:
    at = written_at(ts)
    return ts[:_LONGEST_TS] if at is None else utc(at)


# Files from Slack, to agents.


class NotCarried(enum.StrEnum):
    """Why a file that a customer sent is not at the desk; the name in logs and counters, so never changed."""

    TOO_LARGE = "too_large"
    REFUSED_TYPE = "refused_type"
    EXTERNAL = "external"
    DELETED = "deleted"
    HIDDEN = "hidden"
    DENIED = "denied"
    APP_REMOVED = "app_removed"
    """Its workspace has removed the app, which may not read it any more."""
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
        NotCarried.APP_REMOVED: "客户的工作区已卸载本应用，未转发 / the workspace has removed the app, not passed on",
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
