"""``slackkefu check`` as a process, beside the daemon and without it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
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


async def test_a_daemon_that_hangs(tmp_path: Path) -> None:
    """One that holds its lock and answers nobody is not taken for a well one."""
    async with fakes() as (slack, easemob):
        north = slack.add_workspace("T0NORTH001", name="North")
        config = write_config(tmp_path, slack, easemob, north.install().token)
        config.chmod(0o600)
        Desk(easemob, service_number="kefu_service")
        async with daemon(config) as running:
            await running.says("daemon.ready")
            well = (await check(config))[0]
            running.process.send_signal(signal.SIGSTOP)
            code, document = await check(config)
            running.process.send_signal(signal.SIGCONT)

        assert (0, 5) == (well, code)
        assert ["daemon"] == [each["id"] for each in bad(document)]


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


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("options", [("--json",), ("--json", "--hosts")])
async def test_stopped_in_the_middle(options: tuple[str, ...], how: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, a time limit, a closed terminal: a whole document says so, and no exit code that all is well."""
    async with fakes() as (slack, easemob), trio.open_nursery() as nursery:
        asked = trio.Event()

        async def silent(_stream: trio.SocketStream) -> None:
            asked.set()
            await trio.sleep_forever()

        (listener,) = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
        nowhere = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
        token = slack.add_workspace("T0NORTH001", name="North").install().token
        config = write_config(tmp_path, slack, easemob, token, easemob__discovery_url=nowhere)
        command = [sys.executable, "-m", "slackkefu", "check", "--config", str(config), *options]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        await asked.wait()
        process.send_signal(how)
        assert process.stdout is not None
        document = json.loads(b"".join([part async for part in process.stdout]))
        code = await process.wait()
        nursery.cancel_scope.cancel()

    assert 5 == code
    if "--hosts" in options:
        assert "stopped before its end" == document["problem"]
        assert "127.0.0.1" in {each["host"] for each in document["hosts"]}
    else:
        assert (5, "failure") == (document["exit_code"], document["level"])
        assert ("check.time", "stopped before its end") == (
            document["findings"][-1]["id"],
            document["findings"][-1]["says"],
        )
        assert "kefu.tenant" in {each["id"] for each in document["findings"]}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_stopped_while_it_logs_in(how: signal.Signals, tmp_path: Path) -> None:
    """The user that was made for it is deleted all the same."""
    async with fakes() as (slack, easemob), trio.open_nursery() as nursery:
        begun = trio.Event()

        async def silent(stream: trio.SocketStream) -> None:
            # The way there is tried first, and sends nothing.
            if await stream.receive_some():
                begun.set()
                await trio.sleep_forever()

        (listener,) = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
        there = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/websocket"
        token = slack.add_workspace("T0NORTH001", name="North").install().token
        config = write_config(tmp_path, slack, easemob, token, easemob__websocket_url=there)
        command = [sys.executable, "-m", "slackkefu", "check", "--login", "--config", str(config)]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL)
        await begun.wait()
        made = [user.name for user in easemob.accounts if user.name.startswith("slackkefu-probe-")]
        process.send_signal(how)
        code = await process.wait()
        left = [user.name for user in easemob.accounts if user.name.startswith("slackkefu-probe-")]
        nursery.cancel_scope.cancel()

    assert (5, 1, []) == (code, len(made), left)


async def test_nobody_reads_to_the_end(tmp_path: Path) -> None:
    """``check | head -1`` is nothing to report."""
    async with fakes() as (slack, easemob):
        config = write_config(tmp_path, slack, easemob, slack.add_workspace("T0NORTH001", name="North").install().token)
        command = [sys.executable, "-u", "-m", "slackkefu", "check", "--config", str(config)]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.aclose()
        said = b"".join([part async for part in process.stderr])
        await process.wait()

    assert b"" == said
