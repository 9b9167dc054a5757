"""
Fuzz target: any bytes are a value or the other side's fault.

Run with a fuzzer that calls :func:`fuzz`, or as a program that reads one input from stdin.
"""

from __future__ import annotations

import sys

from slackkefu.easemob.wire import (
    LoginReply,
    LogoutReply,
    Notice,
    PullReply,
    SendReply,
    Unknown,
    UnreadReply,
    read_frame,
)
from slackkefu.errors import RemoteProtocolError

__all__ = ["fuzz"]


def fuzz(data: bytes) -> None:
    """Invariant: ``read_frame`` returns one of its own types or raises RemoteProtocolError, and nothing else."""
    try:
        down = read_frame(data, "org#app")
    except RemoteProtocolError:
        return
    assert isinstance(down, LoginReply | UnreadReply | Notice | SendReply | PullReply | LogoutReply | Unknown)
    # Whatever was read can be shown and written down again as UTF-8.
    repr(down).encode()


if __name__ == "__main__":
    fuzz(sys.stdin.buffer.read())
