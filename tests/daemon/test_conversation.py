"""The daemon's process carries a conversation, with the official JavaScript client as the service number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.daemon.process import daemon, fakes, write_config
from tests.peers.puppet import websdk

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_official_client_is_the_service_number(tmp_path: Path) -> None:
    """A visitor's text reaches the official client with its nested ext; the answer gets to the right conversation."""
    async with fakes() as (slack, easemob):
        easemob.register("kefu_service", password="service")
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        mia = north.add_user("U0MIA00001", name="Mia")
        leo = north.add_user("U0LEO00001", name="Leo")
        support = north.add_channel("C0SUPPORT1", name="support", members=[mia, leo])
        dm = mia.dm("D0MIA00001")
        config = write_config(tmp_path, slack, easemob, installation.token)
        environ = {"RUNTIME_DIRECTORY": str(tmp_path)}
        async with websdk(easemob) as puppet, daemon(config, environ=environ) as running:
            await puppet.logs_in("kefu_service", password="service")
            await running.says("daemon.ready")
            await mia.says(dm, "你好 <where> is my order?")
            question = await leo.says(support, f"<@{installation.bot.id}> one latte")
            heard = {each["from"]: each for each in (await puppet.hears("text"), await puppet.hears("text"))}
            from_mia, from_leo = heard["t0north001_u0mia00001_d0mia00001"], heard["t0north001_u0leo00001_c0support1"]

            assert ("你好 <where> is my order?", "one latte") == (from_mia["text"], from_leo["text"])
            weichat = from_mia["ext"]["weichat"]
            assert {"userNickname": "Mia", "companyName": "North"}.items() <= weichat["visitor"].items()
            assert weichat["msg_id_for_ack"]

            await puppet.says(from_leo["from"], "coming up")
            await puppet.says(from_mia["from"], "on its &lt;way&gt;")
            posts = {post.channel.id: post for post in await slack.posted(2)}

            assert ("coming up", question.ts) == (posts[support.id].shown, posts[support.id].thread)
            assert ("on its <way>", None) == (posts[dm.id].shown, posts[dm.id].thread)

            await slack.acknowledged()

            assert "slackkefu_slack_connections_up 1.0" in (tmp_path / "metrics.prom").read_text()

            running.process.terminate()

            assert 0 == await running.ends()
            assert not [line for line in running.lines if "Traceback" in line]
