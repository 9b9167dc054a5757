"""
What came for a file: whether it is one, and what it is called.

A server that will not give a file may give a page instead, with status 200: a sign-in page, an error in JSON. Names are
other people's words: made safe, and made up where there are none.

Plain functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from slackkefu.net.file_names import safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.kefu.messages import Media, MediaKind

__all__ = ["HEAD_BYTES", "is_something_else", "name_of_file"]

HEAD_BYTES: Final = 64
"""So much of the beginning is looked at."""

MAX_EXTENSION: Final = 10

_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    "text/html": ("html", "htm", "xhtml", "mht", "mhtml"),
    "application/json": ("json", "geojson", "ipynb"),
}
"""What servers send instead of a file, and the extensions of files that are that."""

_PAGES: Final = (b"<!doctype html", b"<html")

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"#!AMR", "amr"),
    (b"ID3", "mp3"),
    (b"%PDF-", "pdf"),
)
_EXTENSIONS: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "application/pdf": "pdf",
}
_STEMS: Final[Mapping[MediaKind, str]] = {"image": "image", "file": "file", "audio": "voice", "video": "video"}


def is_something_else(media: Media, *, content_type: str, head: bytes) -> bool:
    """
    Tell whether what came is a page or an error, and not the file.

    Args:
        media: What was to come.
        content_type: As the server says, possibly nothing.
        head: The first bytes.

    """
    said = content_type.partition(";")[0].strip().lower()
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        said = "text/html"
    return said in _INSTEAD and (media.kind != "file" or _extension(media.filename) not in _INSTEAD[said])


def name_of_file(media: Media, *, path: str, content_type: str, head: bytes) -> str:
    """
    Return a name for the file, with an extension where one is known.

    Args:
        media: The file, with its name, if it has one.
        path: Of its address.
        content_type: As the server says, possibly nothing.
        head: The first bytes.

    """
    name = safe_name(media.filename, fallback="")
    if not name:
        last = safe_name(unquote(path.rpartition("/")[2]), fallback="")
        name = last if _extension(last) else _STEMS[media.kind]
    if _extension(name):
        return name
    by_content = next((extension for signature, extension in _SIGNATURES if head.startswith(signature)), "")
    extension = by_content or _EXTENSIONS.get(content_type.partition(";")[0].strip().lower(), "")
    return f"{name}.{extension}" if extension else name


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if stem and dot and 0 < len(extension) <= MAX_EXTENSION and extension.isalnum() else ""
