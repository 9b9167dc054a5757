"""
Files between a Slack and the official JavaScript client, both ways, with the daemon between them, byte for byte.

The client stands for the desk: it is logged in as the service number. Real sockets, real time; over within 20 s.
"""

from __future__ import annotations

from base64 import b64decode
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.app import run
from slackkefu.config import load
from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.slack import FakeSlack
from slackkefu.net.network import TcpNetwork
from slackkefu.world import World
from tests.peers.puppet import Puppet, websdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from slackkefu.demo.slack import Person

SERVICE = "kefu_service"
CHANCE = Random(1)
PICTURE, PAPER, VOICE = (CHANCE.randbytes(size) for size in (200_000, 300_001, 5000))


@asynccontextmanager
async def desk(tmp_path: Path, **switches: Any) -> AsyncIterator[tuple[FakeSlack, FakeEasemob, Person, Puppet]]:
    """Run a Slack, an Easemob, the daemon between them, and the client as the service number; for 20 s at most."""
    slack, easemob = FakeSlack(), FakeEasemob(switches=Switches(**switches))
    north = slack.add_workspace("T0NORTH001", name="North")
    installation = north.install(token="xoxb-north")
    easemob.register(SERVICE, password="service")
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(slack.serve_loopback)
            await nursery.start(easemob.serve_loopback)
            given = {
                "SLACK_APP_TOKEN": slack.state.settings.app_token,
                "SLACK_BOT_TOKEN": installation.token,
                "SLACK_API_URL": slack.addresses.api,
                # Each would be one more message.
                "SLACK_INTRODUCTION": "false",
                "SLACK_SESSION_STATUS": "false",
                "KEFU_SOURCE_CARD": "false",
                "EASEMOB_APP_KEY": easemob.app_key,
                "EASEMOB_CLIENT_ID": easemob.client_id,
                "EASEMOB_CLIENT_SECRET": easemob.client_secret,
                "EASEMOB_REST_URL": easemob.rest_url,
                "EASEMOB_WEBSOCKET_URL": easemob.websocket_url,
                "KEFU_SERVICE_NUMBER": SERVICE,
                "STORE_PATH": str(tmp_path / "store"),
            }
            (tmp_path / "config.toml").touch()
            config = load(tmp_path / "config.toml", {f"SLACKKEFU_{name}": value for name, value in given.items()})
            async with websdk(easemob) as puppet:
                await puppet.logs_in(SERVICE, password="service")
                ready = trio.Event()
                world = World(TcpNetwork())
                nursery.start_soon(lambda: run(config, world, stop=trio.Event(), on_ready=lambda _: ready.set()))
                await ready.wait()
                yield slack, easemob, north.add_user("U0MIA00001", name="Mia"), puppet
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("switches", [{}, {"restricts": "nothing"}], ids=str)
async def test_from_slack_to_the_client(tmp_path: Path, switches: dict[str, Any]) -> None:
    """Words, an image, a file and a clip arrive in order, each as its kind and as it was shared."""
    async with desk(tmp_path, **switches) as (_, easemob, mia, puppet):
        files = [
            mia.uploads("图 1.png", PICTURE, mimetype="image/png"),
            mia.uploads("paper.pdf", PAPER, mimetype="application/pdf"),
            mia.uploads("voice.m4a", VOICE, mimetype="audio/mp4", clip="slack_audio", duration_ms=4000),
        ]
        await mia.shares_all(mia.dm("D0MIA00001"), files, comment="all of these")
        text = await puppet.hears("text")
        heard = [await puppet.hears(kind) for kind in ("image", "file", "audio")]

        assert ("all of these", "t0north001_u0mia00001_d0mia00001") == (text["text"], text["from"])
        assert [PICTURE, PAPER, VOICE] == [b64decode(each["bytes"]) for each in heard]
        # Of an image the client tells no name.
        assert ["paper.pdf", "voice.m4a"] == [each["name"] for each in heard[1:]]
        assert [len(each) for each in (PICTURE, PAPER, VOICE)] == [each["length"] for each in heard]
        assert sorted(int(each["id"]) for each in (text, *heard)) == [int(each["id"]) for each in (text, *heard)]
        assert () == easemob.ledger.complaints()


async def test_from_the_client_to_slack(tmp_path: Path) -> None:
    """An image and a file that it uploads are in Slack byte for byte and in order, in the visitor's conversation."""
    async with desk(tmp_path) as (slack, easemob, mia, puppet):
        await mia.says(mia.dm("D0MIA00001"), "hello")
        visitor = (await puppet.hears("text"))["from"]
        await puppet.gives(visitor, "img", "a.png", PICTURE)
        await puppet.gives(visitor, "file", "b.pdf", PAPER)
        posts = await slack.posted(2)

        assert [PICTURE, PAPER] == [post.message.files[0].content for post in posts]
        assert ["a.png", "b.pdf"] == [post.message.files[0].name for post in posts]
        assert {"D0MIA00001"} == {post.channel.id for post in posts}
        assert all(each.secret for each in easemob.attachments())
