"""From an empty folder: installed by a link, served at once, killed at any point, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.demo.desk import Desk
from slackkefu.demo.slack.faults import Hang, Late
from slackkefu.secret import Secret
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.oauth import NONCE_BYTES, App, authorize_link
from slackkefu.store.installations import JsonInstallationStore
from tests.daemon.process import daemon, fakes, write_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from slackkefu.demo.slack import FakeSlack
    from slackkefu.demo.slack.faults import WebFault


async def slackkefu(config: Path, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "slackkefu", *arguments, "--config", str(config)]
    return await trio.run_process(command, stdin=answer.encode(), capture_stdout=True, capture_stderr=True, check=False)


async def link_of(config: Path, *arguments: str) -> str:
    """Have a link made."""
    made = await slackkefu(config, "install", "--link", *arguments)

    assert 0 == made.returncode, made.stderr
    return made.stdout.decode().strip()


async def agree(link: str, place: str) -> str:
    """Open the link in a browser, click on a place, and return the address that the browser ends at."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(link)

        assert place in page.text, page.text
        return str((await browser.get(f"{link}&agree={place}")).headers["location"])


def link(slack: FakeSlack) -> str:
    """Make one without a process."""
    app = App(slack.settings.client_id, Secret(slack.settings.client_secret), slack.settings.redirect_urls[0])
    nonce = bytes(NONCE_BYTES)
    return authorize_link(app, BOT_SCOPES, api_url=slack.addresses.api, now=time.time(), nonce=nonce)


def kept(folder: Path) -> list[str | None]:
    """Return which workspaces are in the store, all of which can be read."""
    store = JsonInstallationStore(folder / "store")
    bots, damages = store.bots()

    assert not damages
    return [bot.team_id for bot in bots]


async def listed(config: Path) -> list[str]:
    """Return where the app is installed."""
    done = await slackkefu(config, "installations", "list", "--json")

    assert 0 == done.returncode, done.stderr
    answer = json.loads(done.stdout)
    assert [] == answer["damaged"]
    return sorted(row["place"] for row in answer["installations"])


def configured(folder: Path, slack: FakeSlack, easemob: object) -> Path:
    """Write a configuration for OAuth."""
    return write_config(
        folder,
        slack,
        easemob,  # type: ignore[arg-type] # a fake Easemob
        "",
        slack__client_id=slack.settings.client_id,
        slack__client_secret=slack.settings.client_secret,
    )


async def test_workspaces_come_and_go_while_the_daemon_runs(tmp_path: Path) -> None:
    """One is installed before the start, one and an organisation while it runs: each is served at once."""
    async with fakes() as (slack, easemob):
        desk = Desk(easemob, service_number="kefu_service")
        north = slack.add_workspace("T0NORTH001", name="North")
        south = slack.add_workspace("T0SOUTH001", name="South")
        corp = slack.add_organisation("E0CORP00001", name="Corp")
        east = corp.add_workspace("T0EAST0001", name="East")
        config = configured(tmp_path, slack, easemob)

        # The link goes by mail; another process completes it.
        address = await agree(await link_of(config, "--team", "T0NORTH001"), "T0NORTH001")
        done = await slackkefu(config, "install", "--answer", "-", answer=f"Here you are:\n\n<{address}>\n")

        assert (0, b"North (T0NORTH001): installed.") == (done.returncode, done.stdout[:30]), done.stderr

        async with daemon(config) as running:
            await running.says("daemon.ready")
            mia = north.add_user(name="Mia")
            await mia.says(mia.dm(), "hello from the north")
            await desk.heard("hello from the north")
            for place, home in (("T0SOUTH001", south), ("E0CORP00001", east)):
                done = await slackkefu(config, "install", "--answer", await agree(link(slack), place))

                assert 0 == done.returncode, done.stderr

                person = home.add_user(name="Leo")
                await person.says(person.dm(), f"hello from {place}")
                await desk.heard(f"hello from {place}")

            assert ["E0CORP00001", "T0NORTH001", "T0SOUTH001"] == await listed(config)

            done = await slackkefu(config, "installations", "remove", "T0SOUTH001", "--yes")

            assert 0 == done.returncode, done.stderr
            assert ["T0NORTH001", None] == kept(tmp_path)

            running.process.terminate()

            assert 0 == await running.ends()


@asynccontextmanager
async def installing(config: Path, address: str) -> AsyncIterator[trio.Process]:
    """Complete an installation, to be killed on the way."""
    command = [sys.executable, "-m", "slackkefu", "install", "--answer", address, "--config", str(config)]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


@pytest.mark.parametrize("runs", [False, True], ids=["alone", "with a daemon"])
@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("oauth.v2.access", Hang()),
        ("oauth.v2.access", Hang(carried_out=True)),
        ("auth.test", Hang()),
    ],
    ids=["before the exchange", "after the exchange", "before it is kept"],
)
async def test_a_kill_on_the_way(tmp_path: Path, method: str, fault: WebFault, runs: bool) -> None:
    """Whenever it is killed the store is whole, and agreeing to the same link again completes the installation."""
    async with fakes() as (slack, easemob):
        slack.add_workspace("T0NORTH001", name="North")
        config = configured(tmp_path, slack, easemob)
        made = link(slack)
        address = await agree(made, "T0NORTH001")
        async with running_or_not(config, runs=runs):
            slack.faults.web.next(method, fault)
            async with installing(config, address) as process:
                await slack.until(lambda: not slack.faults.web.left(method))
                process.kill()

            assert [] == kept(tmp_path)

            # What was not used up is good still; else it is said what to do, and that works.
            done = await slackkefu(config, "install", "--answer", address)
            if done.returncode:
                assert b"Open the same link again" in done.stderr

                done = await slackkefu(config, "install", "--answer", await agree(made, "T0NORTH001"))

            assert 0 == done.returncode, done.stderr
            assert ["T0NORTH001"] == kept(tmp_path)


@asynccontextmanager
async def running_or_not(config: Path, *, runs: bool) -> AsyncIterator[None]:
    """Run a daemon around a ``with`` block, or none."""
    if not runs:
        yield
        return
    async with daemon(config) as running:
        await running.says("daemon.ready")
        yield


async def test_the_daemon_is_killed_in_the_middle(tmp_path: Path) -> None:
    """A daemon that is killed while an installation is on its way to it loses nothing: the command keeps it itself."""
    async with fakes() as (slack, easemob):
        slack.add_workspace("T0NORTH001", name="North")
        config = configured(tmp_path, slack, easemob)
        address = await agree(link(slack), "T0NORTH001")
        async with daemon(config) as running:
            await running.says("daemon.ready")
            slack.faults.web.next("auth.test", Late(3.0))
            async with installing(config, address) as process:
                await slack.until(lambda: not slack.faults.web.left("auth.test"))
                running.process.kill()
                await running.ends()

                assert (tmp_path / "store" / "control").exists()
                assert 0 == await process.wait()

        assert ["T0NORTH001"] == kept(tmp_path)


async def test_a_shell_without_credentials_asks_a_daemon(tmp_path: Path) -> None:
    """Where nothing but the store's place is known, what a running daemon has is listed."""
    async with fakes() as (slack, easemob):
        config = configured(tmp_path, slack, easemob)
        bare = tmp_path / "bare.toml"
        bare.write_text('store.path = "store"\n', encoding="utf-8")
        async with daemon(config) as running:
            await running.says("daemon.ready")

            assert [] == await listed(bare)
