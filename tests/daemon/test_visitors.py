"""Somebody is listed and forgotten by commands beside the daemon's process, while it runs and after."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import trio

from slackkefu.demo.desk import Desk
from tests.bridge.stores import holding
from tests.daemon.process import daemon, fakes, write_config

if TYPE_CHECKING:
    from pathlib import Path


async def slackkefu(config: Path, *arguments: str) -> Any:
    """Run a command about visitors, and return the JSON that it writes."""
    command = [sys.executable, "-m", "slackkefu", "visitors", arguments[0], "--config", str(config), *arguments[1:]]
    done = await trio.run_process([*command, "--json"], capture_stdout=True, capture_stderr=True)
    return json.loads(done.stdout)


async def test_by_commands(tmp_path: Path) -> None:
    """While it runs the daemon is asked, and forgets at once; who writes again is new; without it the store is."""
    async with fakes() as (slack, easemob):
        desk = Desk(easemob, service_number="kefu_service")
        north = slack.add_workspace("T0NORTH001", name="North")
        config = write_config(tmp_path, slack, easemob, north.install(token="xoxb-north").token)
        mia = north.add_user(name="Mia")
        name = f"T0NORTH001_{mia.id}_{mia.dm().id}".lower()
        async with daemon(config) as running:
            await running.says("daemon.ready")
            await mia.says(mia.dm(), "hello")
            await desk.heard("hello")
            listed = await slackkefu(config, "list", "--names")
            forgotten = await slackkefu(config, "forget", "T0NORTH001", mia.id, "--yes")

            assert [(name, "Mia")] == [(each["im_user"], each["name"]) for each in listed["visitors"]]
            assert ([name], []) == (forgotten["im_users"], forgotten["leaving"])
            assert easemob.accounts.find(name) is None
            assert [] == holding(tmp_path / "store", name, mia.id, mia.dm().id)

            await mia.says(mia.dm(), "again")
            await desk.heard("again")

        again = await slackkefu(config, "forget", "T0NORTH001", mia.id, "--yes")

        assert ([name], [], "") == (again["im_users"], again["leaving"], again["problem"])
        assert easemob.accounts.find(name) is None
        assert [] == holding(tmp_path / "store", name, mia.id, mia.dm().id)
