"""What an operator gets wrong is told in one clear line that says what to do, without a traceback."""

from __future__ import annotations

import socket  # noqa: TID251 - a port that nobody listens on
from typing import TYPE_CHECKING

import pytest

from tests.daemon.process import daemon, fakes, write_config

if TYPE_CHECKING:
    from pathlib import Path

WRONG: list[tuple[str, str, int, str]] = [
    ("slack__app_token", "xapp-wrong", 5, "slack.app_token"),
    ("slack__bot_token", "xoxb-wrong", 5, "slack.bot_token"),
    ("easemob__app_key", "acme#nothing", 5, "easemob.app_key"),
    ("easemob__client_id", "wrong", 5, "easemob.client_id"),
    ("easemob__client_secret", "wrong", 5, "easemob.client_secret"),
]


@pytest.mark.parametrize(("key", "value", "code", "named"), WRONG)
async def test_wrong_credentials(tmp_path: Path, key: str, value: str, code: int, named: str) -> None:
    """A refused token, app key or secret ends the daemon with a line that names the key to mend."""
    async with fakes() as (slack, easemob):
        installation = slack.add_workspace(name="North").install(token="xoxb-north")
        config = write_config(tmp_path, slack, easemob, installation.token, **{key: value})
        async with daemon(config) as running:
            assert code == await running.ends()
        last = running.lines[-1]

        assert named in last
        assert not [line for line in running.lines if "Traceback" in line]
        if value.startswith(("xapp-", "xoxb-")):
            assert value not in "".join(running.lines)


@pytest.mark.parametrize("key", ["slack__api_url", "easemob__discovery_url", "easemob__rest_url"])
async def test_an_unreachable_host_is_said_and_tried_again(tmp_path: Path, key: str) -> None:
    """A host that does not answer is named in a line; the daemon keeps trying, and stops when told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    path = {"slack__api_url": "/api/", "easemob__discovery_url": "/easemob/server.json", "easemob__rest_url": ""}[key]
    async with fakes() as (slack, easemob):
        installation = slack.add_workspace(name="North").install(token="xoxb-north")
        changes = {key: f"http://127.0.0.1:{port}{path}"}
        async with daemon(write_config(tmp_path, slack, easemob, installation.token, **changes)) as running:
            line = await running.says(f"127.0.0.1:{port}")

            assert "Traceback" not in line

            running.process.terminate()

            assert 0 == await running.ends()


async def test_a_second_daemon_is_told_who_is_there(tmp_path: Path) -> None:
    """The second daemon of one store ends with a line that names the first one's process."""
    async with fakes() as (slack, easemob):
        installation = slack.add_workspace(name="North").install(token="xoxb-north")
        config = write_config(tmp_path, slack, easemob, installation.token)
        async with daemon(config) as first:
            await first.says("daemon.ready")
            async with daemon(config) as second:
                assert 4 == await second.ends()

            assert str(first.process.pid) in second.lines[-1]
            assert 1 == len(second.lines)


async def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """A store path that is a file, not a folder, is named with what to do."""
    (tmp_path / "taken").write_text("a file")
    async with fakes() as (slack, easemob):
        installation = slack.add_workspace(name="North").install(token="xoxb-north")
        path = tmp_path / "taken" / "store"
        config = write_config(tmp_path, slack, easemob, installation.token, store__path=str(path))
        async with daemon(config) as running:
            assert 4 == await running.ends()

        assert str(path) in running.lines[-1]
        assert "store.path" in running.lines[-1]


async def test_a_refused_login_is_said(tmp_path: Path) -> None:
    """A visitor who is not let in is a line that names the visitor and the reason; others are served."""
    async with fakes() as (slack, easemob):
        easemob.register("kefu_service", password="service")
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        mia, leo = north.add_user(name="Mia"), north.add_user(name="Leo")
        easemob.faults.refuse_login(12, "", user=f"{north.id}_{mia.id}_{mia.dm().id}", times=5)
        async with daemon(write_config(tmp_path, slack, easemob, installation.token)) as running:
            await running.says("daemon.ready")
            await mia.says(mia.dm(), "hello")
            line = await running.says("msync.gave_up")
            message = await leo.says(leo.dm(), "hello")
            (parcel,) = [each for each in slack.ledger.parcels if each.is_about(message)]
            await slack.acknowledged(parcel)

            assert f"{north.id}_{mia.id}".lower() in line
            assert "12" in line
