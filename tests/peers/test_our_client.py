"""The official JavaScript client and our own MSYNC client talk with each other, in both roles, over real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.easemob.connection import Connection
from slackkefu.easemob.login import Login
from slackkefu.easemob.message import IncomingMessage, OutgoingMessage, TextBody
from slackkefu.easemob.names import AppKey, ImUser
from slackkefu.net.network import TcpNetwork
from slackkefu.secret import Secret
from slackkefu.world import World
from tests.facts import load
from tests.peers.puppet import websdk

if TYPE_CHECKING:
    from slackkefu.easemob.message import Batch

SERVICE = "kefu_service"
VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"


@pytest.mark.parametrize(("ours", "theirs"), [(VISITOR, SERVICE), (SERVICE, VISITOR)], ids=["visitor", "service"])
async def test_ours_and_theirs(ours: str, theirs: str) -> None:
    """Each takes what the other sends, ext and all, and both acknowledge to the server."""
    ext = load("kefu-samples/visitor-text-sent.json")["ext"]
    easemob = FakeEasemob()
    for user in (ours, theirs):
        easemob.register(user, password="password")
    token = easemob.accounts.issue(ours, expires_at=time.time() + 3600)
    to_test, heard = trio.open_memory_channel[IncomingMessage](10)

    async def on_batch(batch: Batch) -> None:
        for meta in batch.metas:
            if isinstance(meta, IncomingMessage):
                await to_test.send(meta)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(easemob.serve_loopback)
            connection = Connection(
                world=World(network=TcpNetwork()),
                url=easemob.websocket_url,
                login=Login(AppKey.parse(easemob.app_key), ImUser(ours), Secret(token.value), "slackkefu-peer"),
                on_batch=on_batch,
            )
            async with websdk(easemob) as puppet:
                await puppet.logs_in(theirs, password="password")
                await nursery.start(connection.run)
                accepted = await connection.send(OutgoingMessage(4711, ImUser(theirs), TextBody("你好 🙂"), ext))
                theirs_heard = await puppet.hears("text")
                server_id = await puppet.says(ours, "hello <b>", ext)
                ours_heard = await heard.receive()

                assert ("你好 🙂", ext, str(accepted.server_id)) == (
                    theirs_heard["text"],
                    theirs_heard["ext"],
                    theirs_heard["id"],
                )
                assert (TextBody("hello <b>"), ext, int(server_id)) == (
                    ours_heard.body,
                    ours_heard.ext,
                    ours_heard.meta_id,
                )

                await connection.wait_drained()
            await connection.logout()
            assert (0, ()) == (easemob.waiting(ours), easemob.ledger.complaints())
            nursery.cancel_scope.cancel()
