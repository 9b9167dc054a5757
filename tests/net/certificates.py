"""A private CA for tests, and servers that have certificates of it."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING

import trio
import trustme

from slackkefu.demo.serve import serve_streams
from slackkefu.net.tls import trust
from tests.net.proxy_process import pass_on

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PrivateCa"]


class PrivateCa:
    """
    A CA that nobody knows.

    Args:
        folder: Where files are written.

    """

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self.bundle = folder / "ca.pem"
        """Its own certificate."""
        self._ca.cert_pem.write_to_path(str(self.bundle))

    def trusted(self) -> ssl.SSLContext:
        """Return a context that trusts the system's CAs and this one."""
        return trust(self.bundle)

    def file_for(self, *hosts: str) -> str:
        """Return a file of key and certificate for *hosts*."""
        path = self._folder / f"{hosts[0]}.pem"
        self._ca.issue_cert(*hosts).private_key_and_cert_chain_pem.write_to_path(str(path))
        return str(path)

    async def serve(self, port: int, *hosts: str, task_status: trio.TaskStatus[int]) -> None:
        """Serve TLS for *hosts* in front of a plain server on this machine; started with the port."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.file_for(*hosts))
        await serve_streams(partial(_serve, context, port), task_status=task_status)


async def _serve(context: ssl.SSLContext, port: int, stream: trio.abc.Stream) -> None:
    target = await trio.open_tcp_stream("127.0.0.1", port)  # noqa: TID251 - a server of its own
    await pass_on(trio.SSLStream(stream, context, server_side=True, https_compatible=True), target)
