"""
The official JavaScript client of Easemob as a puppet.

::

    async with websdk(easemob) as puppet:
        await puppet.logs_in("kefu_service", password="service")
        message = await puppet.hears("text")
        await puppet.says(message["from"], "hello")

The strings are in ``easemob_websdk.mjs``: JSON lines in and out.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, final

from tests.peers.node import node_peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.demo.easemob import FakeEasemob
    from tests.peers.node import Peer

__all__ = ["Puppet", "websdk"]


@final
class Puppet:
    """One running client. One task at a time pulls its strings."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._tags = 0
        self.unheard: list[dict[str, Any]] = []
        """What it has said and nobody has asked for yet, oldest first."""

    async def logs_in(self, user: str, *, password: str, device: str = "puppet") -> None:
        """Log in with a password, and wait until connected."""
        await self.does("login", user=user, password=password, device=device)
        await self.hears("connected")

    async def says(self, to: str, text: str, ext: dict[str, Any] | None = None) -> str:
        """Send a text, wait until the server has taken it, and return its id there."""
        self._tags += 1
        await self.does("text", to=to, text=text, ext=ext or {}, tag=str(self._tags))
        return str((await self.hears("sent", tag=str(self._tags)))["id"])

    async def gives(self, to: str, kind: str, name: str, content: bytes) -> str:
        """Send a file as an ``img`` or a ``file``; return the message's id."""
        self._tags += 1
        await self.does("media", type=kind, to=to, name=name, bytes=b64encode(content).decode(), tag=str(self._tags))
        return str((await self.hears("sent", tag=str(self._tags)))["id"])

    async def does(self, what: str, **arguments: Any) -> None:
        """Give any command of the script."""
        await self._peer.tell(do=what, **arguments)

    async def hears(self, kind: str, **members: Any) -> dict[str, Any]:
        """
        Wait for the next event of that kind, with those members; return it.

        Each event is returned once; events may be asked for in another order than they came. The caller bounds the
        time.
        """
        for position, document in enumerate(self.unheard):
            if document["kind"] == kind and members.items() <= document.items():
                return self.unheard.pop(position)
        while True:
            document = await self._peer.hear()
            if document["kind"] == kind and members.items() <= document.items():
                return document
            self.unheard.append(document)


@asynccontextmanager
async def websdk(easemob: FakeEasemob) -> AsyncIterator[Puppet]:
    """Run a client of *easemob*, which has to listen on real sockets, for as long as the block lasts."""
    settings = {"app_key": easemob.app_key, "url": easemob.websocket_url, "api_url": easemob.rest_url}
    async with node_peer("easemob_websdk.mjs", settings) as peer:
        yield Puppet(peer)
