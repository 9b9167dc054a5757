"""
systemd's notification socket: ready, stopping, watchdog.

Without ``$NOTIFY_SOCKET`` every call does nothing. A socket that does not take a message is no reason to stop: systemd
acts by its own time limits then.
"""

from __future__ import annotations

import os
import socket  # noqa: TID251 - a local datagram to the service manager, no network
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["alive", "ready", "stopping", "watchdog_s"]

log = structlog.get_logger()


def ready(environ: Mapping[str, str] = os.environ) -> None:
    """Say that the service works."""
    _send("READY=1", environ)


def stopping(environ: Mapping[str, str] = os.environ) -> None:
    """Say that the service is on its way down."""
    _send("STOPPING=1", environ)


def alive(environ: Mapping[str, str] = os.environ) -> None:
    """Content the watchdog."""
    _send("WATCHDOG=1", environ)


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return how often to call :func:`alive`, in seconds: half the watchdog's time; None where there is no watchdog."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(microseconds) / 2e6 if ours and microseconds.isdecimal() and int(microseconds) else None


def _send(message: str, environ: Mapping[str, str]) -> None:
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ stands for a name without a file.
    address = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as link:
            link.sendto(message.encode(), address)
    except OSError as exc:
        log.warning("notify.failed", message=message.partition("=")[0], problem=exc.strerror or str(exc))
