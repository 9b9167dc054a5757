"""Files pass through the daemon's process over real sockets, streamed, byte for byte."""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

import trio

from slackkefu.demo.desk import Desk, KefuHost, MediaFault
from slackkefu.demo.serve import serve_http
from tests.daemon.process import daemon, fakes, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Post


def shown(post: Post) -> str:
    """Return the words of a post, or the name of its file."""
    return post.message.files[0].name if post.message.files else post.text


async def test_files_over_real_sockets(tmp_path: Path) -> None:
    """Large and small, of known size and unknown, restricted, and broken off once: all arrive whole and in order."""
    chance = Random(7)
    small, large = chance.randbytes(3_000), chance.randbytes(9_000_000)
    async with fakes() as (slack, easemob), trio.open_nursery() as nursery:
        desk = Desk(easemob)
        kefu = KefuHost(desk, easemob)
        port = await nursery.start(serve_http, kefu.asgi)
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        mia = north.add_user("U0MIA00001", name="Mia")
        config = write_config(
            tmp_path,
            slack,
            easemob,
            installation.token,
            kefu__url=f"http://127.0.0.1:{port}",
            easemob__rest_url=easemob.rest_url,
            slack__session_status="false",
        )
        async with daemon(config) as running:
            await running.says("daemon.ready")
            await mia.says(mia.dm(), "hello")
            visitor = (await desk.heard("hello")).visitor
            kefu.media.fail(MediaFault(0))
            files = {
                "large.bin": (kefu.keeps("1", large), large),
                "small.bin": (kefu.keeps("2", small), small),
                "unknown.bin": (kefu.keeps("3", large, is_sized=False), large),
                "easemob.bin": (easemob.keeps(large, secret="secret-1"), large),
                "nothing.bin": (kefu.keeps("5", b"", is_sized=False), b""),
                "behind.bin": (f"http://127.0.0.1:{port + 1}/x", b""),
            }
            for name, (url, _) in files.items():
                desk.sends_file(visitor, "file", url, name=name, fields={"secret": "secret-1"})
            desk.answers(visitor, "the end")
            posts = await slack.posted(len(files) + 1)

            assert [
                *("large.bin", "small.bin", "unknown.bin", "easemob.bin"),
                *("[文件] nothing.bin", "[文件] behind.bin", "the end"),
            ] == [shown(post) for post in posts]
            assert [sha256(content).digest() for _, content in files.values() if content] == [
                sha256(file.content).digest() for post in posts for file in post.message.files
            ]
            assert not any(asked.has_secrets for asked in kefu.media.asked)

            running.process.terminate()

            assert 0 == await running.ends()
            assert not [line for line in running.lines if "Traceback" in line or "Warning" in line]
        nursery.cancel_scope.cancel()
