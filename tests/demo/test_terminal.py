"""The terminal demo: the real daemon between the two fakes, over real sockets."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from rich.console import Console

from slackkefu.demo import terminal

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(40)

PLAY = """\
mia: where is my <b>order</b>? 你好
leo: can you help?
agent mia: on its way, <!channel> & soon
leo: and quickly
agent leo: sure

nonsense
quit
zoe: never read
"""


class Paper(io.StringIO):
    """What a console prints on."""

    def __init__(self) -> None:
        super().__init__()
        self._written = trio.Event()

    def write(self, text: str, /) -> int:
        """Take note of *text* and wake whoever waits for it."""
        self._written.set()
        self._written = trio.Event()
        return super().write(text)

    async def shows(self, words: str) -> None:
        """Wait until *words* are on it."""
        while words not in self.getvalue():
            await self._written.wait()


async def play(text: str) -> tuple[int, str, str]:
    """Run ``slackkefu demo`` as a person would, with *text* as its input; return exit code, output and errors."""
    with trio.fail_after(20):
        done = await trio.run_process(
            [sys.executable, "-m", "slackkefu", "demo"],
            stdin=text.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=ROOT,
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_two_customers_and_an_agent_talk() -> None:
    """A direct message and a mention reach the desk, and the answers the right conversations."""
    code, out, errors = await play(PLAY)

    assert (0, "") == (code, errors)
    assert [
        "desk  Mia (North)  where is my <b>order</b>? 你好",
        "desk  Leo (North)  can you help?",
        "Slack to Mia (direct message)  on its way, <!channel> & soon",
        "desk  Leo (North)  and quickly",
        "Slack to Leo (#help, in the thread)  sure",
    ] == [line for line in out.splitlines() if line.startswith(("desk", "Slack"))]
    assert "not understood" in out
    assert "zoe" not in out


async def test_the_end_of_the_input_ends_it() -> None:
    """Also in the middle of a line, which is still carried out."""
    code, out, errors = await play("mia: hello")

    assert (0, "") == (code, errors)
    assert out.endswith("> mia: hello\ndesk  Mia (North)  hello\n")


async def test_a_signal_ends_it_in_order() -> None:
    """SIGTERM while it waits for input: exit code 0, nothing on standard error."""
    with trio.fail_after(20):
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "slackkefu", "demo"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdin, process.stdout, process.stderr:
            while b"quit ends it" not in await process.stdout.receive_some():
                pass
            process.send_signal(signal.SIGTERM)
            errors = await process.stderr.receive_some()
            code = await process.wait()

    assert (0, b"") == (code, errors)


async def test_lines_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty lines and help are harmless, an agent needs a customer, what is late is said to be and shown later."""
    monkeypatch.setattr(terminal, "ARRIVAL_S", 0.0)
    paper = Paper()
    console = Console(file=paper, width=200)
    with trio.fail_after(20):
        async with terminal.scene(console) as scene, trio.open_nursery() as nursery:
            nursery.start_soon(scene.watch)
            assert all([await scene.do(line) for line in ("", "help", "agent mia: hello?", "mia hello", "mia: hello")])
            await paper.shows("desk")
            monkeypatch.setattr(terminal, "ARRIVAL_S", 10.0)
            assert await scene.do("Agent MIA : hi")
            assert not await scene.do(" QUIT ")
            nursery.cancel_scope.cancel()
    lines = paper.getvalue().splitlines()

    assert list(terminal.GREETING) == lines[:4]
    assert [
        "Mia has not written yet",
        "not understood; type a name (mia, leo), a colon and the words, or help",
        "that has not arrived yet; it is shown here when it does",
        "desk  Mia (North)  hello",
        "Slack to Mia (direct message)  hi",
    ] == lines[4:]


async def test_the_keyboard_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines split over reads come whole, and a prompt shows on a terminal only."""
    reader, writer = os.pipe()
    chunks = [b"one\nt", b"wo\n\xff", b""]
    monkeypatch.setattr(os, "read", lambda _fd, _size: chunks.pop(0))
    with os.fdopen(reader) as stdin, os.fdopen(writer, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        paper = Paper()
        console = Console(file=paper, width=80)
        lines = [line async for line in terminal.keyboard(console)]

    assert ["one", "two", "\N{REPLACEMENT CHARACTER}"] == lines
    assert paper.getvalue().startswith("> one\n> two\n")


async def test_the_demo_runs_in_this_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entry sets up logging, plays what is typed, and returns."""

    async def typed(_console: Console) -> object:
        yield "leo: hello"
        yield "quit"

    monkeypatch.setattr(terminal, "keyboard", typed)
    monkeypatch.setattr("slackkefu.service.logs.configure", lambda **_: None)
    with trio.fail_after(20):
        await terminal.run_demo()

    assert "desk  Leo (North)  hello" in capsys.readouterr().out
