"""Of a file it is known before it is carried as what the desk shows it, and whether a line goes in its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.agent_lines import NotCarried, file_line
from slackkefu.bridge.slack_to_kefu.cargo import (
    Cargo,
    body_of,
    is_only_named,
    kind_of_file,
    line_for,
    name_of,
    obstacle,
)
from slackkefu.easemob.attachments import MAX_BYTES, Attachment
from slackkefu.easemob.message import MediaBody, OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.secret import Secret
from slackkefu.slack.file_ref import FileRef

LINK = "https://north.slack.com/files/U0MIA00001/F1/a.png"
STORED = Attachment("https://im.test/acme/support/chatfiles/1", Secret("s3cr3t"))


def file(**changes: Any) -> FileRef:
    """Make a file that is carried."""
    fields: dict[str, Any] = {
        "id": "F1",
        "name": "a.png",
        "mimetype": "image/png",
        "size": 5,
        "mode": "hosted",
        "access": "visible",
        "url": "https://files.slack.com/files-pri/T0NORTH001-F1/a.png",
        "permalink": LINK,
    }
    return FileRef(**(fields | changes))


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (None, {}),
        (None, {"size": MAX_BYTES}),
        (None, {"size": None}),
        (None, {"name": "exe"}),
        (None, {"access": "check_file_info", "mode": "file_access", "name": "", "url": ""}),
        (NotCarried.TOO_LARGE, {"size": MAX_BYTES + 1}),
        (NotCarried.REFUSED_TYPE, {"name": "a.exe"}),
        (NotCarried.REFUSED_TYPE, {"name": "a.png.VBS . "}),
        (NotCarried.REFUSED_TYPE, {"name": "a.b\u202eat", "mimetype": "text/plain"}),
        (NotCarried.EXTERNAL, {"is_external": True}),
        (NotCarried.DELETED, {"mode": "tombstone"}),
        (NotCarried.HIDDEN, {"mode": "hidden_by_limit"}),
        (NotCarried.DENIED, {"access": "access_denied"}),
        (NotCarried.NOT_GIVEN, {"id": "", "url": ""}),
    ],
)
def test_why_a_file_is_not_carried(expected: NotCarried | None, changes: dict[str, Any]) -> None:
    """As far as Slack has told; what it has not told hinders nothing yet."""
    assert expected == obstacle(file(**changes))


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (False, {}),
        (True, {"access": "check_file_info"}),
        (True, {"mode": "file_access"}),
        (True, {"url": ""}),
    ],
)
def test_whether_slack_has_to_be_asked(expected: bool, changes: dict[str, Any]) -> None:
    """Where little more than the id came."""
    assert expected is is_only_named(file(**changes))


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("img", {}),
        ("img", {"mimetype": "IMAGE/JPEG"}),
        ("file", {"mimetype": "image/svg+xml"}),
        ("file", {"mimetype": "image/heic"}),
        ("audio", {"clip": "slack_audio", "mimetype": "video/mp4"}),
        ("video", {"clip": "slack_video", "mimetype": "video/mp4"}),
        ("file", {"mimetype": "video/mp4"}),
        ("file", {"mimetype": ""}),
    ],
)
def test_as_what_the_desk_shows_it(expected: str, changes: dict[str, Any]) -> None:
    """A picture that every browser shows, a clip, or a file."""
    assert expected == kind_of_file(file(**changes))


def test_the_body_of_an_image() -> None:
    """With its size; nothing plays."""
    body = body_of(file(width=1280, height=853, duration_ms=5), STORED, length=7)

    assert (
        MediaBody(
            "img",
            STORED.url,
            secret=STORED.secret,
            filename="a.png",
            length_bytes=7,
            width=1280,
            height=853,
        )
        == body
    )


def test_the_body_of_a_clip() -> None:
    """Seconds are rounded up; a video names where its first picture would be, as the official client does."""
    video = body_of(file(clip="slack_video", duration_ms=9001), STORED, length=7)
    audio = body_of(file(clip="slack_audio", duration_ms=1, width=5), STORED, length=7)

    assert (10, f"{STORED.url}?vframe=true", STORED.secret) == (
        video.duration_s,
        video.thumbnail_path,
        video.thumbnail_secret,
    )
    assert (1, "", 0) == (audio.duration_s, audio.thumbnail_path, audio.width)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (LINK, {}),
        ("", {"permalink": ""}),
        ("", {"permalink": "javascript:alert(1)"}),
        ("", {"permalink": f"{LINK} and more"}),
        ("", {"permalink": f"{LINK}\nand more"}),
        ("", {"permalink": LINK + "x" * 1000}),
        ("https://docs.example.com/1", {"is_external": True, "url": "https://docs.example.com/1"}),
        (LINK, {"is_external": True, "url": "file:///etc/passwd"}),
    ],
)
def test_the_link_of_a_line(expected: str, changes: dict[str, Any]) -> None:
    """One that leads somewhere on the web, else none."""
    assert TextBody(file_line("a.png", why=NotCarried.DENIED, link=expected)) == line_for(
        file(**changes), NotCarried.DENIED
    )


def test_a_part_is_loaded() -> None:
    """It keeps ids and ext; the line may go where no file can."""
    line = line_for(file())
    message = OutgoingMessage(7, ImUser("kefu_service"), line, {"weichat": {"msg_id_for_ack": "m"}})
    cargo, body = Cargo(message, file()), body_of(file(), STORED, length=5)
    loaded = cargo.loaded(body)

    assert (7, message.ext, body, line) == (loaded.meta_id, loaded.ext, loaded.body, loaded.instead)
    assert message.ext == cargo.ext


@pytest.mark.parametrize(("expected", "changes"), [("img", {}), ("txt", {"name": "a.exe"})])
def test_the_kind_that_is_waited_for(expected: str, changes: dict[str, Any]) -> None:
    """The desk may confirm some kinds only."""
    message = OutgoingMessage(7, ImUser("kefu_service"), line_for(file()))

    assert expected == Cargo(message, file(**changes)).kind


words = st.text(max_size=1000)


@given(
    st.builds(
        FileRef,
        words,
        words,
        words,
        st.none() | st.integers(0, 2**63),
        words,
        access=words,
        clip=words,
        is_external=st.booleans(),
        url=words,
        permalink=words | st.just(LINK),
        width=st.integers(0, 2**63 - 1),
        height=st.integers(0, 2**63 - 1),
        duration_ms=st.integers(0, 2**63 - 1),
    ),
    st.sampled_from(NotCarried),
)
def test_any_file(file: FileRef, why: NotCarried) -> None:
    """Has a name, a line that fits into a message, and a body within what the wire holds."""
    body = body_of(file, STORED, length=1)

    assert name_of(file)
    assert 0 < len(line_for(file, why).text.encode()) <= 2000
    assert "\n" not in line_for(file, why).text
    assert max(body.width, body.height, body.duration_s) < 2**31
