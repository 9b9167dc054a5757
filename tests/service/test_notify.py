"""systemd's notification socket."""

from __future__ import annotations

import os
import socket  # noqa: TID251 - stands for systemd
from typing import TYPE_CHECKING

import pytest

from slackkefu.service import notify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from structlog.testing import LogCapture


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Return a service manager's socket and the environment that leads there."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@slackkefu-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(5)
        yield listening, {"NOTIFY_SOCKET": name}


def test_the_manager_hears_how_we_are(manager: tuple[socket.socket, dict[str, str]]) -> None:
    """Each call is one datagram in systemd's form."""
    listening, environ = manager
    notify.ready(environ)
    notify.alive(environ)
    notify.stopping(environ)

    expected = [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    assert expected == [listening.recv(100) for _ in expected]


def test_without_a_manager_nothing_happens(log: LogCapture) -> None:
    """Outside systemd all calls are silent."""
    notify.ready({})

    assert log.entries == []


def test_a_deaf_manager_is_no_reason_to_stop(tmp_path: Path, log: LogCapture) -> None:
    """A socket that takes nothing is told in the log, and that is all."""
    notify.ready({"NOTIFY_SOCKET": str(tmp_path / "none")})

    assert [("notify.failed", "READY")] == [(line["event"], line["message"]) for line in log.entries]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_contented_twice_in_its_time(environ: dict[str, str], expected: float | None) -> None:
    """Where a watchdog waits for this process, half its time is the interval."""
    assert expected == notify.watchdog_s(environ)
