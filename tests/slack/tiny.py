"""
A Slack just big enough for the tests of this folder: apps.connections.open and Socket Mode, in memory.

The whole one is in slackkefu/demo; here each test says in a line or two what this one does wrong.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final

import httpx
import trio
from trio.testing import MemorySendStream

from slackkefu.errors import LinkClosed
from slackkefu.net.websocket import WebSocket
from slackkefu.secret import Secret
from slackkefu.slack.web import WebClient
from slackkefu.world import InlineDisk, World
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TinyConnection", "TinySlack", "message"]


def message(number: int, *, retry_attempt: int = 0, **frame: object) -> dict[str, Any]:
    """Make a message event's frame; its envelope is called ``e<number>``."""
    event = {"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": f"{number}.0", "text": "x"}
    payload = {"type": "event_callback", "event_id": f"Ev{number}", "team_id": "T1", "event": event}
    return {
        "type": "events_api",
        "envelope_id": f"e{number}",
        "payload": payload,
        "accepts_response_payload": False,
        "retry_attempt": retry_attempt,
        **frame,
    }


@final
class TinyConnection:
    """One accepted connection."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.opened_at = trio.current_time()
        self.closed_at: float | None = None
        self.reason = ""
        self.acknowledged: list[str] = []
        self.frames: list[dict[str, Any]] = []

    async def send(self, *frames: dict[str, Any]) -> None:
        """Send frames to the client."""
        for frame in frames:
            await self.websocket.send(json.dumps(frame))

    async def disconnect(self, reason: str) -> None:
        """Announce the end."""
        await self.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "h"}})

    async def hang_up(self) -> None:
        """End the stream without a close frame."""
        await trio.aclose_forcefully(self.websocket._stream)

    def fall_silent(self) -> trio.Event:
        """Let nothing reach the client any more, pongs included, until the event is set."""
        stream, heal = self.websocket._stream, trio.Event()
        assert isinstance(stream, trio.StapledStream)
        assert isinstance(stream.send_stream, MemorySendStream)
        stream.send_stream.send_all_hook = heal.wait
        return heal


@final
class TinySlack(httpx.AsyncBaseTransport):
    """Slack."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.connections: list[TinyConnection] = []
        self.asked_at: list[float] = []
        """When apps.connections.open was called."""
        self.answers: list[httpx.Response | Exception] = []
        """The next answers to it; then it gives addresses."""
        self.life_s: float | None = 18060
        self.num_connections: int | None = None
        """What hello says; None: the truth."""
        self.greeting: Callable[[TinyConnection], dict[str, Any] | None] = self._hello
        """What a new connection gets first; None: nothing."""
        self.statuses: list[int] = []
        """HTTP statuses with which the next handshakes are refused."""
        self.network = MemoryNetwork(nursery, self._serve, http=self)
        self.world = World(self.network, disk=InlineDisk(), chance=random.Random(7))
        self.web = WebClient(world=self.world, api_url="https://slack.test/api/", app_token=Secret("xapp-test"))

    @property
    def open(self) -> list[TinyConnection]:
        """The connections that are open now."""
        return [connection for connection in self.connections if connection.closed_at is None]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer apps.connections.open."""
        await trio.lowlevel.checkpoint()
        self.asked_at.append(trio.current_time())
        answer = self.answers.pop(0) if self.answers else self._address()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _address(self) -> httpx.Response:
        """Give an address with a fresh ticket."""
        url = f"wss://wss.test/link/?ticket=hush-{len(self.asked_at)}"
        return httpx.Response(200, json={"ok": True, "url": url})

    def _hello(self, _: TinyConnection) -> dict[str, Any]:
        """Make a hello."""
        return {
            "type": "hello",
            "num_connections": self.num_connections or len(self.open),
            "connection_info": {"app_id": "A1"},
            "debug_info": {"approximate_connection_time": self.life_s},
        }

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end."""
        status = self.statuses.pop(0) if self.statuses else None
        with suppress(Exception):
            websocket = await WebSocket.accept(stream, max_bytes=2**20, refuse=lambda _: status)
            connection = TinyConnection(websocket)
            self.connections.append(connection)
            greeting = self.greeting(connection)
            try:
                if greeting is not None:
                    await connection.send(greeting)
                while True:
                    frame = json.loads(await websocket.receive())
                    connection.frames.append(frame)
                    connection.acknowledged.append(frame["envelope_id"])
            except LinkClosed as exc:
                connection.reason = exc.reason
            finally:
                connection.closed_at = trio.current_time()
