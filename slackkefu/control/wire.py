"""
What goes over the control socket: one line of JSON there, one back, and the end.

A request is ``{"do": "installations.list", …}`` with its arguments beside ``do``. An answer is ``{"ok": true, …}``, or
``{"ok": false, "error": "a sentence for a person", "code": exit code}``. No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.errors import DaemonRefused, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MAX_ANSWER",
    "MAX_REQUEST",
    "Line",
    "Request",
    "answer",
    "read_answer",
    "read_request",
    "refusal",
    "request",
]

MAX_REQUEST: Final = 1 << 16
"""Bytes of a request; the longest brings one installation."""

MAX_ANSWER: Final = 1 << 26
"""Bytes of an answer; the longest lists every visitor of a large shop."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the daemon is asked for."""

    do: str
    """Like ``installations.list``."""
    arguments: Mapping[str, object]


@final
class Line:
    """
    Collects bytes until there is a line.

    Args:
        max_bytes: How long it may become.

    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """
        Return the line, when *data* ends it; what comes behind it is dropped.

        Raises:
            RemoteProtocolError: It is too long, or *data* is empty: the other side has ended in its middle.

        """
        if not data:
            raise RemoteProtocolError("the line ended in its middle")
        self._bytes += data
        end = self._bytes.find(b"\n", len(self._bytes) - len(data))
        if end > self._max_bytes or (end < 0 and len(self._bytes) > self._max_bytes):
            raise RemoteProtocolError(f"a line of more than {self._max_bytes} bytes")
        return None if end < 0 else bytes(self._bytes[:end])


def request(do: str, arguments: Mapping[str, object]) -> bytes:
    """Return the line that asks for *do*."""
    return msgspec.json.encode({**arguments, "do": do}) + b"\n"


def read_request(line: bytes) -> Request:
    """Read a request; raises RemoteProtocolError."""
    document = _object(line)
    do = document.pop("do", None)
    if not isinstance(do, str):
        raise RemoteProtocolError('a request without "do"')
    return Request(do, document)


def answer(result: Mapping[str, object]) -> bytes:
    """Return the line that says it is done."""
    return msgspec.json.encode({**result, "ok": True}) + b"\n"


def refusal(error: str, code: int) -> bytes:
    """Return the line that says it is not done."""
    return msgspec.json.encode({"ok": False, "error": error, "code": code}) + b"\n"


def read_answer(line: bytes) -> Mapping[str, object]:
    """
    Read an answer.

    Raises:
        DaemonRefused: It says no.
        RemoteProtocolError: It is none.

    """
    document = _object(line)
    ok, error, code = document.pop("ok", None), document.get("error"), document.get("code")
    if ok is True:
        return document
    if ok is False and isinstance(error, str) and isinstance(code, int):
        raise DaemonRefused(error, code)
    raise RemoteProtocolError("an answer that is neither yes nor no")


def _object(line: bytes) -> dict[str, object]:
    try:
        document: object = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        raise RemoteProtocolError("a line that is not JSON") from None
    if not isinstance(document, dict):
        raise RemoteProtocolError("a line that is not a JSON object")
    return document
