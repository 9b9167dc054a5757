"""What the app is doing is said in a thread, with what Slack wants to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio

from slackkefu.slack.thread_status import set_status
from tests.bridge.people import NORTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.web import WebClient


async def test_the_call() -> None:
    """Conversation, thread and text; an empty text is sent too, since it takes the line away."""
    calls: list[tuple[str, Mapping[str, object]]] = []

    class Web:
        async def call(self, method: str, arguments: Mapping[str, object], *, token: object) -> None:
            await trio.lowlevel.checkpoint()
            assert NORTH.bot_token == token
            calls.append((method, arguments))

    for status in ("is typing…", ""):
        await set_status(cast("WebClient", Web()), NORTH, channel="C1", thread_ts="1.1", status=status)

    assert [
        ("assistant.threads.setStatus", {"channel_id": "C1", "thread_ts": "1.1", "status": "is typing…"}),
        ("assistant.threads.setStatus", {"channel_id": "C1", "thread_ts": "1.1", "status": ""}),
    ] == calls
