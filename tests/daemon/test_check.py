"""``slackkefu check`` as a process, beside the daemon and without it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import trio

from slackkefu.demo.desk import Desk
from tests.daemon.process import daemon, fakes, write_config

if TYPE_CHECKING:
    from pathlib import Path


async def check(config: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run it; return the exit code and the document."""
    command = [sys.executable, "-m", "slackkefu", "check", "--json", "--config", str(config), *options]
    done = await trio.run_process(command, capture_stdout=True, check=False, stderr=subprocess.STDOUT)
    return done.returncode, json.loads(done.stdout)


def bad(document: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is not ok."""
    return [each for each in document["findings"] if each["level"] != "ok"]


async def test_beside_the_daemon(tmp_path: Path) -> None:
    """While the daemon runs all is well, its process is named, and it goes on as if nobody had looked."""
    async with fakes() as (slack, easemob):
        north = slack.add_workspace("T0NORTH001", name="North")
        config = write_config(tmp_path, slack, easemob, north.install().token)
        config.chmod(0o600)
        desk = Desk(easemob, service_number="kefu_service")
        async with daemon(config) as running:
            await running.says("daemon.ready")
            links = [link.number for link in slack.links]
            code, document = await check(config, "--login")

            assert (0, []) == (code, bad(document))
            (lock,) = [each["says"] for each in document["findings"] if each["id"] == "store.lock"]
            assert f"process {running.process.pid}" in lock
            (limit,) = [each["says"] for each in document["findings"] if each["id"] == "host.open_files"]
            assert f"the daemon's (process {running.process.pid})" in limit
            assert links == [link.number for link in slack.links]
            mia = north.add_user(name="Mia")
            await mia.says(mia.dm(), "still there?")
            await desk.heard("still there?")
        assert ["kefu_service"] == [user.name for user in easemob.accounts if not user.name.startswith("t0north001")]


async def test_without_the_daemon_and_with_a_wrong_secret(tmp_path: Path) -> None:
    """What is wrong is the exit code and a line, and the store is as it was: there is none."""
    async with fakes() as (slack, easemob):
        north = slack.add_workspace("T0NORTH001", name="North")
        wrong = {"easemob__client_secret": "not-the-secret"}
        config = write_config(tmp_path, slack, easemob, north.install().token, **wrong)
        config.chmod(0o600)
        code, document = await check(config)

    assert 5 == code
    assert ["easemob.credentials"] == [each["id"] for each in bad(document)]
    assert "not-the-secret" not in json.dumps(document)
    assert not (tmp_path / "store").exists()
