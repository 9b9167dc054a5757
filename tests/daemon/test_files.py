"""The daemon's own process passes files on without holding them."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from slackkefu.demo.desk import Desk
from slackkefu.demo.slack import Switches
from tests.daemon.process import daemon, fakes, write_config

MB = 1024 * 1024


def most_memory(pid: int) -> int:
    """Return the most bytes that a process has had in memory, as Linux tells it."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize("says_length", [True, False])
async def test_no_file_is_whole_in_memory(tmp_path: Path, says_length: bool) -> None:
    """Four files of 10 MB at once cost less than one of them, whether or not their length is known beforehand."""
    content = Random(1).randbytes(10 * MB)
    async with fakes() as (slack, easemob):
        slack.switches = Switches(says_file_length=says_length)
        desk = Desk(easemob)
        north = slack.add_workspace("T0NORTH001", name="North")
        config = write_config(tmp_path, slack, easemob, north.install(token="xoxb-north").token)
        async with daemon(config) as running:
            await running.says("daemon.ready")
            people = [north.add_user(name=f"Person {number}") for number in range(4)]
            for person in people:
                await person.says(person.dm(), "hello")
            await desk.heard("hello", count=4)
            before = most_memory(running.process.pid)
            for person in people:
                await person.shares(person.dm(), "a.bin", content)
            while 4 > sum(line.type == "file" for line in desk.everything_heard()):
                await desk.change()
            after = most_memory(running.process.pid)

            assert [content] * 4 == [each.content for each in easemob.attachments()]
            assert after - before < 10 * MB
