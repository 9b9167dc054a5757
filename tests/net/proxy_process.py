"""
A proxy, as a process of its own on loopback: HTTP with and without TLS, or SOCKS5.

It alone knows the names it is given. It writes each request as a line of JSON to standard output, and takes faults as
lines on standard input; when that ends, or after a minute and a half, so does the process. A test runs it by
:mod:`tests.net.real_proxy`.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import ssl
import sys
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Final

import h11
import trio

from slackkefu.net.proxy import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["pass_on"]

LIFE_S: Final = 90.0
"""A process that nobody ends ends by itself."""

PAGE: Final = b"<html><body>This is what a proxy says.</body></html>"

_SOCKS_CODES: Final = {200: 0, 403: 2, 502: 4}
_GONE: Final = (trio.BrokenResourceError, trio.ClosedResourceError, OSError, EOFError)


@dataclass
class Fault:
    """What goes wrong."""

    kind: str = ""
    """
    ``hang_up`` at once, ``rubbish`` for an answer, ``silent`` after a request, ``refuse`` everybody, ``page``: a page
    for an answer, ``babble`` after a good answer, ``cut`` what passes; empty: nothing.
    """
    after_bytes: int = 0
    """So many from the target pass before a cut."""


@dataclass
class Settings:
    """What the program is told at its start."""

    scheme: str
    names: Mapping[str, int]
    """The targets it knows, ``host:port``, each with its port on this machine."""
    port: int = 0
    credentials: str = ""
    """``user:password``; empty: it asks for none."""
    certificate: str = ""
    """A PEM file of key and chain, for ``https``."""
    opens_tls: str = ""
    """A PEM file of key and chain, by which it stands in for targets; what they get is plain. Empty: it does not."""


@dataclass
class Program:
    """The proxy itself."""

    settings: Settings
    fault: Fault = field(default_factory=Fault)

    async def run(self) -> None:
        """Serve until standard input ends."""
        (listener,) = await trio.open_tcp_listeners(self.settings.port, host="127.0.0.1")
        with trio.move_on_after(LIFE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, self._serve, [listener])
                _say(port=listener.socket.getsockname()[1])
                await self._take_orders()
                nursery.cancel_scope.cancel()

    async def _take_orders(self) -> None:
        unread = b""
        async for data in trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())):
            *whole, unread = (unread + data).split(b"\n")
            for line in whole:
                self.fault = Fault(**json.loads(line))
                _say(fault=self.fault.kind)

    async def _serve(self, stream: trio.abc.Stream) -> None:
        """Serve one client."""
        try:
            if self.settings.scheme == "https":
                stream = _tls(stream, self.settings.certificate)
            if self.fault.kind == "hang_up":
                return
            is_socks = self.settings.scheme.startswith("socks5")
            port = await (self._socks(stream) if is_socks else self._http(stream))
            if port is not None:
                target = await trio.open_tcp_stream("127.0.0.1", port)  # noqa: TID251 - a program of its own
                await self._pass_on(stream, target)
        except _GONE:
            pass
        finally:
            await trio.aclose_forcefully(stream)

    def _judged(self, target: str) -> tuple[int, int | None]:
        """Return what there is to say, as an HTTP status, and the port on this machine where it leads."""
        if self.fault.kind == "refuse":
            return 403, None
        port = None if self.fault.kind == "page" else self.settings.names.get(target)
        return (200, port) if port else (502, None)

    async def _http(self, stream: trio.abc.Stream) -> int | None:
        """Answer a request; return where it leads."""
        connection = h11.Connection(h11.SERVER)
        while not isinstance(request := connection.next_event(), h11.Request):
            connection.receive_data(await _read(stream, 1))
        method, target = request.method.decode(), request.target.decode()
        expected = b"Basic " + base64.b64encode(self.settings.credentials.encode())
        # It forwards nothing, and would say so: what is to be forwarded is what nobody should ask for.
        status, port = self._judged(target) if method == "CONNECT" else (502, None)
        if self.settings.credentials and (b"proxy-authorization", expected) not in request.headers:
            status, port = 407, None
        _say(way=method, target=target, result=status)
        if self.fault.kind == "silent":
            await trio.sleep_forever()
        if self.fault.kind == "rubbish":
            await stream.send_all(b"220 mail.example ESMTP\r\n\r\n")
        elif port is None:
            head = f"HTTP/1.1 {status} No\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n"
            await stream.send_all(head.encode() + PAGE)
        else:
            more = PAGE if self.fault.kind == "babble" else b""
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n" + more)
            return port
        return None

    async def _socks(self, stream: trio.abc.Stream) -> int | None:
        """Speak SOCKS5 (RFC 1928, RFC 1929); return where it leads."""
        if self.fault.kind == "rubbish":
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
        offered = await _read_sized(stream, skip=1)
        wanted = 2 if self.settings.credentials else 0
        is_welcome = wanted in offered
        await stream.send_all(bytes([5, wanted if is_welcome else 0xFF]))
        if is_welcome and wanted:
            given = b":".join([await _read_sized(stream, skip=1), await _read_sized(stream)])
            is_welcome = given.decode() == self.settings.credentials
            await stream.send_all(bytes([1, not is_welcome]))
        if not is_welcome:
            _say(way="SOCKS5", target="", result=407)
            return None
        kind = (await _read(stream, 4))[3]
        if kind == 3:
            host = (await _read_sized(stream)).decode()
        else:
            host = str(ipaddress.ip_address(await _read(stream, 4 if kind == 1 else 16)))
        target = joined(host, int.from_bytes(await _read(stream, 2), "big"))
        status, port = self._judged(target)
        _say(way="SOCKS5", target=target, result=status)
        if self.fault.kind == "silent":
            await trio.sleep_forever()
        await stream.send_all(bytes([5, _SOCKS_CODES[status], 0, 1, 0, 0, 0, 0, 0, 0]))
        return port

    async def _pass_on(self, stream: trio.abc.Stream, target: trio.abc.Stream) -> None:
        """Pass bytes on until either side ends."""
        if self.settings.opens_tls:
            stream = _tls(stream, self.settings.opens_tls)
        await pass_on(stream, target, room=self.fault.after_bytes if self.fault.kind == "cut" else inf)


async def pass_on(client: trio.abc.Stream, target: trio.abc.Stream, *, room: float = inf) -> None:
    """Pass bytes on until either side ends, or so many have come from *target*; that is closed then."""
    async with target, trio.open_nursery() as nursery:
        nursery.start_soon(_pump, client, target, inf, nursery.cancel_scope)
        nursery.start_soon(_pump, target, client, room, nursery.cancel_scope)


async def _pump(source: trio.abc.Stream, sink: trio.abc.Stream, room: float, over: trio.CancelScope) -> None:
    """Bring bytes from *source* to *sink*, as long as there is *room* for them."""
    try:
        while data := await source.receive_some():
            await sink.send_all(data[: int(min(room, len(data)))])
            room -= len(data)
            if room <= 0:
                break
    except _GONE:
        pass
    over.cancel()


async def _read(stream: trio.abc.Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = await stream.receive_some(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


async def _read_sized(stream: trio.abc.Stream, *, skip: int = 0) -> bytes:
    """Read what its first byte, after *skip* others, says the length of."""
    return await _read(stream, (await _read(stream, skip + 1))[skip])


def _tls(stream: trio.abc.Stream, certificate: str) -> trio.abc.Stream:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return trio.SSLStream(stream, context, server_side=True, https_compatible=True)


def _say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201 - this is how the test hears it


if __name__ == "__main__":
    trio.run(Program(Settings(**json.loads(sys.argv[1]))).run)
