"""An agent speaks by name and face, a robot is marked as one, and nobody else is named; a name can do no harm."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.speaking import APP, MAX_NAME, MAX_URL, WITHOUT_S, Speaking, Voice, voice_of
from slackkefu.errors import SlackApiError, SlackOutcomeUnknown
from slackkefu.kefu import incoming as reading
from slackkefu.kefu.speaker import NOBODY, Speaker
from slackkefu.slack.web import Post
from tests.bridge.people import NORTH, installation
from tests.kefu.samples import EXPECT, incoming
from tests.kefu.samples import SERVICE_NUMBER as DESK

if TYPE_CHECKING:
    from structlog.testing import LogCapture

METHOD = "chat.postMessage"
POST = Post(channel="D1", text="hi", metadata_id="m/0", username="小林", icon_url="https://x.test/y")
SHORN = replace(POST, text="小林: hi", username="", icon_url="")


def voice(by: Speaker, kefu_url: str = "https://kefu.test") -> Voice:
    """Return whose voice it is."""
    return voice_of(by, kefu_url=kefu_url)


@pytest.mark.parametrize(
    ("expected", "by"),
    [
        (Voice("小林"), Speaker("agent", name="小林")),
        (Voice("小环 · 机器人 Bot"), Speaker("robot", name="小环")),
        (Voice("机器人 Bot"), Speaker("robot")),
        (Voice("机器人 Bot", "https://x.test/r"), Speaker("robot", avatar="https://x.test/r")),
        (APP, Speaker("agent")),
        (APP, Speaker("agent", name="\u200b\u202e ", avatar="https://x.test/y")),
        (APP, Speaker("system", name="调度员", avatar="https://x.test/y")),
        (APP, Speaker("unknown", name="somebody")),
        (APP, NOBODY),
    ],
)
def test_who_speaks(expected: Voice, by: Speaker) -> None:
    """People and robots have names; the system and whoever is hidden speak through the app."""
    assert expected == voice(by)


@pytest.mark.parametrize(
    ("expected", "avatar", "kefu_url"),
    [
        ("https://img.test/a.png", "//img.test/a.png", ""),
        ("https://img.test/a.png", "//img.test/a.png", "http://127.0.0.1"),
        ("https://img.test/a.png", "https://img.test/a.png", ""),
        ("https://kefu.test/v1/a.png", "/v1/a.png", "https://kefu.test"),
        ("https://kefu.test/a.png", "a.png", "https://kefu.test"),
        ("", "/v1/a.png", ""),
        ("", "/v1/a.png", "http://127.0.0.1"),
        ("", "http://img.test/a.png", "https://kefu.test"),
        ("", "javascript:alert(1)", "https://kefu.test"),
        ("", "data:image/png;base64,AAAA", "https://kefu.test"),
        ("", "//", "https://kefu.test"),
        ("", "https://img.test/a b", "https://kefu.test"),
        ("", "https://lin:secret@img.test/a.png", "https://kefu.test"),
        ("", "https://[img.test/a", "https://kefu.test"),
        ("", "https://img.test/" + "a" * MAX_URL, "https://kefu.test"),
        ("", "", "https://kefu.test"),
    ],
)
def test_faces(expected: str, avatar: str, kefu_url: str) -> None:
    """A picture has a full address that is safe to fetch, or there is none."""
    assert expected == voice(Speaker("agent", name="Lin", avatar=avatar), kefu_url).face


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_name(name: str, avatar: str) -> None:
    """Whatever somebody is called, it is one short line of visible characters that Slack takes for words."""
    shown = voice(Speaker("agent", name=name, avatar=avatar))

    assert len(shown.name) <= MAX_NAME
    assert shown.name == " ".join(shown.name.split())
    assert not {*"<>&\n"} & {*shown.name}
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Cs") for each in shown.name)
    assert shown.face == "" or shown.face.startswith("https://")
    assert shown.name or not shown.face


@pytest.mark.parametrize("name", [name for name, expected in EXPECT.items() if "name" in expected])
def test_samples(name: str) -> None:
    """The samples' agents and robots are named, its systems are not."""
    by = reading.read(incoming(name), service_number=DESK).by
    expected = EXPECT[name]["name"]

    assert {"agent": expected, "robot": f"{expected} · 机器人 Bot"}.get(by.kind, "") == voice(by).name


# Where it may not be.


async def test_scopes_that_are_known() -> None:
    """Without the scope the name is put in front, in what is shown instead of the text too."""
    speaking = Speaking()
    without = replace(NORTH, scopes=frozenset({"chat:write"}))
    with_it = replace(NORTH, scopes=frozenset({"chat:write", "chat:write.customize"}))
    block = {"type": "divider"}

    assert [POST, POST, SHORN] == [speaking.fit(each, POST) for each in (NORTH, with_it, without)]
    assert replace(POST, username="", icon_url="") == speaking.fit(without, replace(POST, username="", icon_url=""))

    (first, second) = speaking.fit(without, replace(POST, blocks=(block,))).blocks

    assert [{"type": "plain_text", "text": "小林"}] == first["elements"]
    assert block == second


async def test_a_missing_scope_is_remembered(autojump_clock: trio.testing.MockClock, log: LogCapture) -> None:
    """Slack's refusal holds for this installation for a while; another one, or it made anew, is not meant."""
    speaking = Speaking()
    error = SlackApiError(METHOD, "missing_scope", needed="chat:write.customize")

    assert speaking.refused(NORTH, POST, error)
    assert SHORN == speaking.fit(NORTH, POST)
    assert [POST, POST] == [
        speaking.fit(each, POST) for each in (installation("south"), replace(NORTH, bot_id="B0NEW"))
    ]

    await trio.sleep(WITHOUT_S)

    assert POST == speaking.fit(NORTH, POST)
    assert ["slack.no_names"] == [entry["event"] for entry in log.entries]
    assert "小林" not in str(log.entries)


@pytest.mark.parametrize(
    ("post", "error"),
    [
        (SHORN, SlackApiError(METHOD, "missing_scope", needed="chat:write.customize")),
        (POST, SlackApiError(METHOD, "missing_scope", needed="chat:write")),
        (POST, SlackApiError(METHOD, "is_archived")),
        (POST, SlackOutcomeUnknown(METHOD, "HTTP 502")),
    ],
)
async def test_other_refusals(post: Post, error: SlackApiError | SlackOutcomeUnknown) -> None:
    """What has another cause is not about the name."""
    speaking = Speaking()

    assert not speaking.refused(NORTH, post, error)
    assert POST == speaking.fit(NORTH, POST)
