"""Own posts are changed and deleted with what Slack wants to know, and nothing in a change becomes a mention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import trio

from slackkefu.slack.own_posts import delete, delete_file, update
from tests.bridge.people import NORTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.web import WebClient


class Web:
    """A Web API that writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], str]] = []

    async def call(self, method: str, arguments: Mapping[str, object], *, token: object, channel: str = "") -> None:
        """Take a call."""
        await trio.lowlevel.checkpoint()
        assert NORTH.bot_token == token
        self.calls.append(
            (method, {name: value for name, value in arguments.items() if value is not None}, channel),
        )


async def test_a_change() -> None:
    """Words are sent as they are; blocks only where there are any, since words alone take them away."""
    web = Web()
    client = cast("WebClient", web)
    await update(client, NORTH, channel="D1", ts="1.1", text="&lt;hi&gt;")
    await update(client, NORTH, channel="D1", ts="1.1", text="hi", blocks=[{"type": "divider"}])
    first = {"channel": "D1", "ts": "1.1", "text": "&lt;hi&gt;", "parse": "none", "link_names": False}

    assert ("chat.update", first, "D1") == web.calls[0]
    assert [{"type": "divider"}] == web.calls[1][1]["blocks"]


async def test_a_deletion() -> None:
    """Which post, in which conversation."""
    web = Web()
    await delete(cast("WebClient", web), NORTH, channel="D1", ts="1.1")

    assert [("chat.delete", {"channel": "D1", "ts": "1.1"}, "D1")] == web.calls


async def test_a_file() -> None:
    """Which file; it may be in many conversations."""
    web = Web()
    await delete_file(cast("WebClient", web), NORTH, "F1")

    assert [("files.delete", {"file": "F1"}, "")] == web.calls
