"""
Cargo: a part of a message that is a file, and what is known of it before it is carried.

The mapping names the file and gives the part its ids; :mod:`slackkefu.bridge.slack_to_kefu.carrying` brings the bytes
and makes the body. Some files are not carried at all, and which is mostly plain beforehand: a line with the name, the
reason and a link goes in their place, under the same ids. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, final

from slackkefu.bridge.agent_lines import NotCarried, file_line
from slackkefu.easemob.attachments import MAX_BYTES
from slackkefu.easemob.message import MediaBody, TextBody
from slackkefu.kefu.outgoing import REFUSED_EXTENSIONS
from slackkefu.net.file_names import extension, safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.easemob.attachments import Attachment
    from slackkefu.easemob.message import Body, Json, MediaKind, OutgoingMessage
    from slackkefu.slack.file_ref import FileRef

__all__ = ["Cargo", "body_of", "is_only_named", "kind_of_file", "line_for", "name_of", "obstacle"]

_SHOWN: Final = frozenset({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/bmp", "image/webp"})
"""Pictures that every browser shows; others (HEIC, TIFF, SVG, PSD) are files to whoever looks at them there."""

_MAX_LINK: Final = 600
"""Longer ones are no permalinks, and leave no room for the name."""

_MAX_PIXELS: Final = 100_000
_MAX_SECONDS: Final = 24 * 3600


@final
@dataclass(frozen=True, slots=True)
class Cargo:
    """A part whose body is a file, which has to be brought before it can be sent."""

    message: OutgoingMessage
    """The part with a line in the file's place."""
    file: FileRef

    @property
    def ext(self) -> Mapping[str, Json]:
        """The ``ext`` that it is sent with."""
        return self.message.ext

    @property
    def kind(self) -> str:
        """The kind of body that it will most likely have, as IM names it."""
        return "txt" if obstacle(self.file) is not None else kind_of_file(self.file)

    def loaded(self, body: Body) -> OutgoingMessage:
        """Return the part as it is sent; the line may go where no file can."""
        return replace(self.message, body=body, instead=self.message.body)


def obstacle(file: FileRef) -> NotCarried | None:
    """Say why *file* is not carried, as far as that is known without asking."""
    if file.mode == "tombstone":
        return NotCarried.DELETED
    if file.mode == "hidden_by_limit":
        return NotCarried.HIDDEN
    if file.access == "access_denied":
        return NotCarried.DENIED
    if file.is_external:
        return NotCarried.EXTERNAL
    if not file.id and not file.url:
        return NotCarried.NOT_GIVEN
    if extension(name_of(file)) in REFUSED_EXTENSIONS:
        return NotCarried.REFUSED_TYPE
    return NotCarried.TOO_LARGE if file.size is not None and file.size > MAX_BYTES else None


def is_only_named(file: FileRef) -> bool:
    """Tell whether little more than the id is known, so that Slack has to be asked (facts/slack.md §7)."""
    return file.access == "check_file_info" or file.mode == "file_access" or not file.url


def kind_of_file(file: FileRef) -> MediaKind:
    """Return as what the desk shows *file*: what it can show at once, and files."""
    if file.clip == "slack_audio":
        return "audio"
    if file.clip == "slack_video":
        return "video"
    return "img" if file.mimetype.lower() in _SHOWN else "file"


def name_of(file: FileRef) -> str:
    """Return what *file* is called, safely; its id where it has no name."""
    return safe_name(file.name, fallback=safe_name(file.id, fallback="file"))


def line_for(file: FileRef, why: NotCarried | None = None) -> TextBody:
    """Return the line in the place of *file*, with a link where one is valid."""
    own = (file.url, file.permalink) if file.is_external else (file.permalink,)
    return TextBody(file_line(name_of(file), why=why, link=next(filter(_is_link, own), "")))


def body_of(file: FileRef, attachment: Attachment, *, length: int) -> MediaBody:
    """Return the body of a file that lies at Easemob, as the official client makes it (facts/msync.md §11)."""
    kind = kind_of_file(file)
    body = MediaBody(
        kind,
        attachment.url,
        secret=attachment.secret,
        filename=name_of(file),
        length_bytes=length,
        duration_s=min(-(-file.duration_ms // 1000), _MAX_SECONDS) if kind in ("audio", "video") else 0,
        width=min(file.width, _MAX_PIXELS) if kind in ("img", "video") else 0,
        height=min(file.height, _MAX_PIXELS) if kind in ("img", "video") else 0,
    )
    if kind != "video":
        return body
    return replace(body, thumbnail_path=f"{attachment.url}?vframe=true", thumbnail_secret=attachment.secret)


def _is_link(address: str) -> bool:
    """Tell whether an agent may be shown *address* as a link: of the web, in one piece, of usual length."""
    is_web = address.startswith(("https://", "http://")) and len(address.encode("utf-8", "replace")) <= _MAX_LINK
    return is_web and address.isprintable() and not any(each.isspace() for each in address)
