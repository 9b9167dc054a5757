"""
A file on a message, as far as Slack tells of it (facts/slack.md §7).

Slack may tell little: in Slack Connect an event has the id alone, and ``files.info`` the rest. What a person named, and
addresses that may lead anywhere, are handed on as they are; what may be done with them is decided where they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slackkefu.slack.fields import is_true, text_at

__all__ = ["FileRef", "read_file", "read_files"]


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file on a message; in Slack Connect only the id may be known."""

    id: str
    name: str = field(repr=False)
    """As the person named it, possibly empty; never a path."""
    mimetype: str
    size: int | None
    """Bytes; None where unknown."""
    mode: str
    """``hosted``, ``snippet``, ``external``, ``file_access``, ``tombstone``, …"""
    access: str = ""
    """``visible``, ``check_file_info``, ``access_denied``; empty where Slack says nothing."""
    clip: str = ""
    """``slack_audio`` or ``slack_video`` for what was recorded in Slack."""
    is_external: bool = False
    """It lies elsewhere, and only its link was shared."""
    url: str = field(default="", repr=False)
    """Where its bytes are; of an external file anywhere, and never to be asked with a token."""
    permalink: str = field(default="", repr=False)
    """Where people look at it."""
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    """How long a clip plays; seen on clips in 2024, not documented."""


def read_files(raw: object) -> tuple[FileRef, ...]:
    """Read ``files``, passing over what is no object."""
    return tuple(read_file(item) for item in raw if isinstance(item, Mapping)) if isinstance(raw, list) else ()


def read_file(raw: Mapping[str, object]) -> FileRef:
    """Read one file object."""
    return FileRef(
        id=text_at(raw, "id"),
        name=text_at(raw, "name") or text_at(raw, "title"),
        mimetype=text_at(raw, "mimetype"),
        size=_number(raw.get("size")),
        mode=text_at(raw, "mode"),
        access=text_at(raw, "file_access"),
        clip=text_at(raw, "subtype"),
        is_external=is_true(raw.get("is_external")) or text_at(raw, "mode") == "external",
        url=text_at(raw, "url_private"),
        permalink=text_at(raw, "permalink"),
        width=_number(raw.get("original_w")) or 0,
        height=_number(raw.get("original_h")) or 0,
        duration_ms=_number(raw.get("duration_ms")) or 0,
    )


def _number(value: object) -> int | None:
    """Return *value* if it can count something."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
