"""What came for a file is told from what came instead; names are safe and have an extension where one is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.kefu.media_content import is_something_else, name_of_file
from slackkefu.kefu.messages import Media, MediaKind
from slackkefu.net.file_names import MAX_NAME_BYTES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.mark.parametrize(
    ("kind", "filename", "content_type", "head", "is_other"),
    [
        ("image", "a.png", "image/png", PNG, False),
        ("image", "a.png", "", PNG, False),
        ("image", "a.png", "text/html; charset=utf-8", PNG, True),
        ("image", "a.png", "application/octet-stream", b"\xef\xbb\xbf\n <!DOCTYPE html><html>", True),
        ("audio", "v.amr", "application/json", b"{}", True),
        ("file", "a.pdf", "TEXT/HTML", b"%PDF-", True),
        ("file", "a.pdf", "application/json", b"{}", True),
        ("file", "page.HTML", "text/html", b"<html>", False),
        ("file", "data.json", "application/json", b"{}", False),
        ("file", "notes.txt", "text/plain", b"< html", False),
    ],
)
def test_pages_are_no_files(kind: MediaKind, filename: str, content_type: str, head: bytes, is_other: bool) -> None:
    """A page or an error is never taken for the file, unless the file is one by its name."""
    media = Media(kind, "https://a.example/b", filename=filename)

    assert is_other == is_something_else(media, content_type=content_type, head=head)


@pytest.mark.parametrize(
    ("name", "kind", "filename", "path", "content_type", "head"),
    [
        ("screen.png", "image", "screen.png", "/x/2f3e.png", "image/png", PNG),
        ("报价单.pdf", "file", "报价单.pdf", "/chatfiles/9c1b", "", b"%PDF-"),
        ("cat.gif", "image", "", "/v1/emoj/files/cat.gif", "image/gif", b"GIF89a"),
        ("小猫.gif", "image", "", "/files/%E5%B0%8F%E7%8C%AB.gif", "", b""),
        ("image.png", "image", "", "/chatfiles/7c1d0001", "application/octet-stream", PNG),
        ("voice.amr", "audio", "", "/chatfiles/7c1d0001", "", b"#!AMR\n"),
        ("video.mp4", "video", "", "/chatfiles/7c1d0001", "video/mp4; x", b"...."),
        ("file", "file", "", "", "", b"...."),
        ("photo.jpg", "image", "photo", "/x", "", b"\xff\xd8\xff\xe0"),
        ("passwd", "file", "../../etc/passwd", "/x", "", b""),
        ("evil.exe", "file", "C:\\temp\\evil.exe", "/x", "", b""),
        ("bashrc", "file", ".bashrc", "/x", "", b""),
        ("gpj.exe", "file", "\u202egpj.exe\n\x00", "/x", "", b""),
        ("a b.txt", "file", ' a b.txt<>:"|?* ', "/x", "", b""),
    ],
)
def test_names(name: str, kind: MediaKind, filename: str, path: str, content_type: str, head: bytes) -> None:
    """The name is the sender's, without folders and tricks; else the address's, else the kind's."""
    media = Media(kind, "https://a.example/b", filename=filename)

    assert name == name_of_file(media, path=path, content_type=content_type, head=head)


@given(st.text(), st.text(), st.text(), st.binary())
def test_any_name_is_made_safe(filename: str, path: str, content_type: str, head: bytes) -> None:
    """Whatever the names are, the result is a short name that is no path."""
    media = Media("file", "https://a.example/b", filename=filename)
    name = name_of_file(media, path=path, content_type=content_type, head=head)

    assert name
    assert len(name.encode()) <= MAX_NAME_BYTES + len(".html")
    assert not set(name) & set('/\\\0\n<>"')
    assert not name.startswith(".")
    name.encode()


def test_a_long_name_keeps_its_extension() -> None:
    """A name is cut before its extension."""
    media = Media("file", "https://a.example/b", filename="x" * 500 + ".pdf")

    assert name_of_file(media, path="", content_type="", head=b"").endswith("xxx….pdf")
