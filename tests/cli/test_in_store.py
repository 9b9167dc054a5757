"""Where a command does what concerns a store."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
import trio

from slackkefu.cli.in_store import Place, do, enter
from slackkefu.control.place import address
from slackkefu.errors import LinkClosed
from slackkefu.net.network import TcpNetwork
from slackkefu.store.lock import hold
from slackkefu.world import InlineDisk, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slackkefu.control import Handler
    from slackkefu.store import Store


GIVES_ROOT_UP: Final = """
import sys
from pathlib import Path
from slackkefu.cli.in_store import enter

enter(Path(sys.argv[1]))
sys.meta_path.clear()
print(b"slack.com" == "slack.com".encode("idna"))
"""
"""Enters a store, and then needs what is needed to look up a host, with nothing to load it from."""


async def dies_when_asked(folder: Path, *, task_status: trio.TaskStatus[None]) -> None:
    """Be a daemon that is killed while somebody waits for its answer."""
    with hold(folder, now=0), trio.socket.socket(trio.socket.AF_UNIX) as listening:
        with address(folder) as name:
            await listening.bind(name)
        listening.listen()
        task_status.started()
        connection, _ = await listening.accept()
        with connection:
            await connection.recv(1000)


def handlers(_: Store) -> Mapping[str, Handler]:
    """Make handlers that say who works."""

    async def work(_: Mapping[str, object]) -> Mapping[str, object]:
        return {"by": "the command"}

    return {"installations.list": work, "installations.remove": work}


async def ask(folder: Path, what: str) -> Mapping[str, object]:
    """Ask a daemon that dies of it."""
    world = World(TcpNetwork(), InlineDisk())
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(dies_when_asked, folder)
            return await do(Place(folder, folder), what, {}, world=world, handlers=handlers)


async def test_a_question_outlives_the_daemon(tmp_path: Path) -> None:
    """What changes nothing is answered by the store, when the daemon has gone over it."""
    answer = await ask(tmp_path, "installations.list")

    assert {"by": "the command"} == answer


async def test_a_deed_is_not_done_twice(tmp_path: Path) -> None:
    """Of what changes something nobody knows whether the daemon has done it."""
    with pytest.RaisesGroup(LinkClosed):
        await ask(tmp_path, "installations.remove")


def test_a_store_that_is_made_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who means a service's store and is about to make another is told where that may be."""
    enter(tmp_path / "store", may_make=True)

    assert "STATE_DIRECTORY=/var/lib/slackkefu" in capsys.readouterr().err

    enter(tmp_path, may_make=True)

    assert not capsys.readouterr().err


def test_all_that_is_needed_is_there_before_root_is_given_up(tmp_path: Path) -> None:
    """
    A program that only root can read still finds a host when it works as the store's owner.

    Run by root, as in CI, the owner is somebody else, whom it becomes; run by anybody else it is themselves.
    """
    owner = os.geteuid() or 4711
    os.chown(tmp_path, owner, -1)
    command = [sys.executable, "-c", GIVES_ROOT_UP, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program

    assert (0, "True\n") == (done.returncode, done.stdout), done.stderr
