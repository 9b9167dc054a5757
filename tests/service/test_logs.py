"""Log lines: one event, one line, nothing hidden in them."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest
import structlog

from slackkefu.secret import Secret
from slackkefu.service import logs

if TYPE_CHECKING:
    from collections.abc import Mapping


class Stream(io.StringIO):
    """A stream that may pass for a terminal."""

    terminal = False

    def isatty(self) -> bool:
        """Tell whether this is a terminal."""
        return self.terminal


@pytest.fixture
def stream() -> Stream:
    """Where the lines go."""
    return Stream()


def configure(stream: Stream, environ: Mapping[str, str] | None = None, *, verbose: bool = False) -> None:
    """Set up logging as ``run`` does."""
    logs.configure(verbose=verbose, stream=stream, environ=environ or {}, hidden=(Secret,))


def test_a_line_has_time_level_event_and_values(stream: Stream) -> None:
    """A line begins with its UTC time, level and event; values follow as key=value."""
    configure(stream)
    structlog.get_logger().info("link.up", visitor="t1_u1_c1", after_s=0.5, why=None, warm=True, said="two words")

    line = stream.getvalue()
    time, _, rest = line.partition(" ")
    assert re.fullmatch(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", time)
    assert rest == 'level=info event=link.up visitor=t1_u1_c1 after_s=0.5 why= warm=true said="two words"\n'


@pytest.mark.parametrize("verbose", [True, False])
def test_debug_is_shown_when_asked_for(stream: Stream, verbose: bool) -> None:
    """Debug lines appear with -v only."""
    configure(stream, verbose=verbose)
    structlog.get_logger().debug("detail")

    assert verbose == ("event=detail" in stream.getvalue())


def test_a_quiet_command_shows_what_went_wrong(stream: Stream) -> None:
    """A command that says itself what it does logs errors, and nothing else."""
    logs.configure(quiet=True, verbose=True, stream=stream, environ={})
    structlog.get_logger().warning("slack.removed")
    structlog.get_logger().error("store.unwritable")

    assert ["event=store.unwritable"] == re.findall(r"event=\S+", stream.getvalue())


@pytest.mark.parametrize(
    ("terminal", "environ", "begins"),
    [
        (False, {"JOURNAL_STREAM": "8:1"}, "<4>level=warning"),
        (True, {"JOURNAL_STREAM": "8:1"}, "time="),
        (False, {}, "time="),
    ],
)
def test_the_journal_gets_priorities(stream: Stream, terminal: bool, environ: dict[str, str], begins: str) -> None:
    """Under systemd a line carries its priority and no time; elsewhere its time."""
    stream.terminal = terminal
    configure(stream, environ)
    structlog.get_logger().warning("lane.slow")

    assert stream.getvalue().startswith(begins)


def test_a_secret_is_never_shown(stream: Stream) -> None:
    """A secret is hidden, however deep it lies in a value."""
    configure(stream)
    secret = Secret("xoxb-hidden")
    structlog.get_logger().info("x", a=secret, b=[secret, 1], c={"token": secret}, d=(secret,))

    assert "hidden" not in stream.getvalue()
    assert "a=*** b=***,1 c=token:*** d=***" in stream.getvalue()


def test_what_peers_sent_cannot_write_lines(stream: Stream) -> None:
    """Control characters are escaped: no forged line, no moved cursor."""
    configure(stream)
    structlog.get_logger().info("x", reason="\x1b[2J\rlevel=error\nevent=forged\u202e")

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_an_exception_stays_on_its_line(stream: Stream) -> None:
    """A fault of ours is logged with its traceback in one line."""
    configure(stream)
    structlog.get_logger().error("lane.fault", exc_info=RuntimeError("here"))

    assert "exception=RuntimeError\n" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_an_exception_quotes_nobody(stream: Stream) -> None:
    """Kinds and places of an exception, and of what it came from and holds, are shown, and none of their words."""
    configure(stream)
    try:
        try:
            int("my words")
        except ValueError as exc:
            raise ExceptionGroup("my words", [KeyError("my words")]) from exc
    except ExceptionGroup:
        structlog.get_logger().exception("fault")

    line = stream.getvalue()
    assert "my words" not in line
    assert all(each in line for each in ("ValueError", "KeyError", "ExceptionGroup", "test_logs.py", "in test_an_exc"))


def test_libraries_join_in_from_warning_on(stream: Stream) -> None:
    """A library's warning is a line of ours, without arguments that may be secret; its info lines are not shown."""
    configure(stream)
    library = logging.getLogger("some.library")  # noqa: TID251 - stands for a library
    library.info("GET %s", "wss://x/?ticket=hidden")
    library.warning("cannot parse %s", "ticket=hidden", exc_info=ValueError("hidden"))
    library.error("bare")

    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert 'level=warning event=library logger=some.library template="cannot parse %s" fault=ValueError' in lines[0]
    assert "level=error event=library logger=some.library template=bare fault=" in lines[1]
    assert "hidden" not in stream.getvalue()
