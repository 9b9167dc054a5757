"""From an empty folder to a served customer, by the commands as README prints them, run where `config.toml` is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
import trio

from slackkefu.demo.desk import Desk
from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.slack import FakeSlack, app_from
from tests.daemon.process import daemon
from tests.daemon.test_install import agree
from tests.test_readme import CHECK, HOSTS, INIT, INSTALL, MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

LIMIT_S: Final = 150.0


async def runs(printed: str, *more: str, folder: Path) -> bytes:
    """Run a command of README, and what leads it to the fakes, to a good end; return what it printed."""
    command = [sys.executable, "-m", *printed.split(), *more]
    done = await trio.run_process(command, cwd=folder, capture_stdout=True, capture_stderr=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


async def install(place: str, *, folder: Path) -> str:
    """Run ``slackkefu install``, open the link it prints, and paste where the browser ends."""
    command = [sys.executable, "-m", *INSTALL.split()]
    process = await trio.lowlevel.open_process(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    said = b""
    while b"\n\n" not in said.partition(b"http")[2]:
        data = await process.stdout.receive_some()

        assert data, said
        said += data
    (link,) = [line for line in said.decode().splitlines() if line.startswith("http")]
    await process.stdin.send_all((await agree(link, place)).encode() + b"\n")
    await process.stdin.aclose()
    async for data in process.stdout:
        said += data

    assert 0 == await process.wait(), said
    return said.decode()


@pytest.mark.timeout(LIMIT_S + 10)
async def test_from_an_empty_folder(tmp_path: Path) -> None:
    """manifest, init, install for three workspaces and an organisation, check, run: and each customer is heard once."""
    with trio.fail_after(LIMIT_S):
        slack = FakeSlack(settings=app_from(json.loads(await runs(MANIFEST, "--org", folder=tmp_path))))
        easemob = FakeEasemob()
        desk = Desk(easemob, service_number="kefu_service")
        north, south, west = (slack.add_workspace(name=name) for name in ("North", "South", "West"))
        corp = slack.add_organisation(name="Corp")
        east = corp.add_workspace(name="East")
        async with trio.open_nursery() as nursery:
            await nursery.start(slack.serve_loopback)
            await nursery.start(easemob.serve_loopback)
            answers = {
                "slack.app_token": slack.settings.app_token,
                "slack.client_id": slack.settings.client_id,
                "slack.client_secret": slack.settings.client_secret,
                "slack.api_url": slack.addresses.api,
                "slack.introduction": "false",
                "easemob.app_key": easemob.app_key,
                "easemob.client_id": easemob.client_id,
                "easemob.client_secret": easemob.client_secret,
                "easemob.discovery_url": easemob.discovery_url,
                "kefu.service_number": "kefu_service",
                "kefu.source_card": "false",
                "store.path": "store",
            }
            await runs(INIT, *(f"--set={key}={value}" for key, value in answers.items()), folder=tmp_path)
            for place in (north.id, south.id, west.id, corp.id):
                assert f"({place}): installed." in await install(place, folder=tmp_path)
            checked = await runs(CHECK, folder=tmp_path)

            for place in (north.id, south.id, west.id, corp.id):
                assert place.encode() in checked

            assert b"127.0.0.1" in await runs(HOSTS, folder=tmp_path)

            async with daemon(None, folder=tmp_path) as running:
                await running.says("daemon.ready")
                people = [home.add_user(name=f"Customer {home.id}") for home in (north, south, west, east)]
                for person in people:
                    await person.says(person.dm(), f"hello from {person.id}")
                    await desk.heard(f"hello from {person.id}")
                # Two workspaces that both have the app share a channel.
                mia, leo = people[:2]
                joint = north.add_channel(name="joint", members=(mia, leo), shared_with=(south,))
                joint.members[south.installation.bot.id] = south.installation.bot
                await leo.says(joint, f"<@{south.installation.bot.id}> whose order is this?")
                await desk.heard("whose order is this?")
                await slack.settled()

                assert len(people) + 1 == len(desk.everything_heard())
            nursery.cancel_scope.cancel()
