"""
The Easemob side as a whole, against the fake Easemob: discovery, REST, tokens on disk, sessions, real connections.

Each scenario runs with every switch of the fake that concerns tokens, users, discovery and login.
"""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.easemob.ledger import Complaint, LoggedIn, LoggedOut, TokenIssued
from slackkefu.demo.easemob.messages import ImMessage
from slackkefu.demo.easemob.switches import Switches
from slackkefu.easemob.discovery import Endpoints
from slackkefu.easemob.message import IncomingMessage, OutgoingMessage, TextBody
from slackkefu.easemob.names import AppKey, ImUser, im_user
from slackkefu.easemob.pool import Pool
from slackkefu.easemob.rest import RestClient
from slackkefu.secret import Secret
from slackkefu.store import open_store
from slackkefu.world import InlineDisk, World
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

    from slackkefu.easemob.message import Batch
    from slackkefu.easemob.tokens import TokenStore

SERVICE = im_user("acme-service")
ADA = im_user("t1_u1_c1")
RESOURCE = "slackkefu-0123456789abcdef"
HOUR = 3600.0

SWITCHES = {
    "as by default": Switches(),
    "no inherit": Switches(inherit=False),
    "no inherit, names kept": Switches(inherit=False, names_kept=True),
    "VIP5": Switches(milliseconds=True),
    "one app token": Switches(one_app_token=True),
    "slow creation": Switches(creation_s=1.0),
    "no offline count": Switches(offline_count=False),
    "count by a kept name": Switches(names_kept=True),
    "token refused by status": Switches(token_refusals="status"),
    "token with prefix only": Switches(dollar_prefix="required"),
    "token replaced": Switches(token_replaced=True),
    "msync-ws": Switches(websocket_section="msync-ws", numbers_as_text=True),
    "msync": Switches(websocket_section="msync"),
    "2015 limits": Switches(calls_per_second=30, limit_status=503),
}


class Side:
    """The Easemob side of one process."""

    def __init__(self, world: World, easemob: FakeEasemob, nursery: trio.Nursery, store: TokenStore) -> None:
        self.received: list[str] = []
        app_key = AppKey.parse(easemob.app_key)
        endpoints = Endpoints(world=world, nursery=nursery, app_key=app_key, discovery_url=easemob.discovery_url)
        self.rest = RestClient(
            world=world,
            nursery=nursery,
            endpoints=endpoints,
            app_key=app_key,
            client_id=easemob.client_id,
            client_secret=Secret(easemob.client_secret),
            store=store,
        )
        self.pool = Pool(
            world=world,
            rest=self.rest,
            endpoints=endpoints,
            app_key=app_key,
            resource=RESOURCE,
            max_sessions=10,
            logins_per_second=10,
            on_batch=self._take,
        )

    async def _take(self, user: ImUser, batch: Batch) -> None:
        await trio.lowlevel.checkpoint()
        self.received += [
            meta.body.text
            for meta in batch.metas
            if isinstance(meta, IncomingMessage) and isinstance(meta.body, TextBody)
        ]

    async def say(self, text: str, number: int) -> None:
        """Send as the visitor."""
        await self.pool.send(ADA, OutgoingMessage(meta_id=number, to=SERVICE, body=TextBody(text)))


class Bench:
    """A fake Easemob with its service number, and the way to it."""

    def __init__(self, nursery: trio.Nursery, switches: Switches, path: Path) -> None:
        network = MemoryNetwork(nursery, chance=random.Random(1))
        wall = virtual_wall()
        self.path = path
        self.world = World(network=network, disk=InlineDisk(), wall=wall, chance=random.Random(1))
        self.easemob = FakeEasemob(switches=switches, wall=wall)
        self.easemob.listens(rest=("127.0.0.1", 80), websocket=("127.0.0.1", 8080))
        network.serve_http("127.0.0.1", self.easemob.asgi)
        network.serve("127.0.0.1", 8080, self.easemob.serve_stream)
        self.heard: list[str] = []
        self.easemob.attach(SERVICE, lambda message: self.heard.append(message.text))

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Side]:
        """Run the Easemob side as one process, and stop it."""
        with open_store(self.path, self.world) as store:
            async with trio.open_nursery() as nursery:
                side = Side(self.world, self.easemob, nursery, store.tokens)
                await nursery.start(side.pool.run)
                yield side
                await side.rest.aclose()
                nursery.cancel_scope.cancel()

    def answer(self, text: str) -> None:
        """Let the desk answer the visitor."""
        self.easemob.post(ImMessage(SERVICE, ADA, "txt", {"msg": text}))

    def tokens(self, grant: str) -> int:
        """Count the tokens issued by a grant."""
        return sum(entry.grant == grant for entry in self.easemob.ledger.of(TokenIssued))


@asynccontextmanager
async def _bench(switches: Switches, path: Path) -> AsyncIterator[Bench]:
    async with trio.open_nursery() as nursery:
        yield Bench(nursery, switches, path)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", SWITCHES)
async def test_there_and_back_over_a_restart(name: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    """A visitor writes, the desk answers; after a restart no token is asked for, and the visitor is back by itself."""
    async with _bench(SWITCHES[name], tmp_path) as bench:
        async with bench.process() as side:
            await side.say("hello", 1)
            bench.answer("good morning")
            await trio.sleep(5)

            assert (["hello"], ["good morning"]) == (bench.heard, side.received)
        issued = len(list(bench.easemob.ledger.of(TokenIssued)))
        bench.answer("are you there?")
        async with bench.process() as side:
            side.pool.watch([(ADA, bench.world.wall() - HOUR, False)])
            await trio.sleep(5)
            await side.say("yes", 2)

            assert (["hello", "yes"], ["are you there?"]) == (bench.heard, side.received)
        assert issued == len(list(bench.easemob.ledger.of(TokenIssued)))
        assert [RESOURCE] * 2 == [entry.resource for entry in bench.easemob.ledger.of(LoggedIn)]
        assert len(list(bench.easemob.ledger.of(LoggedOut))) == 2
        assert [] == list(bench.easemob.ledger.of(Complaint))


@pytest.mark.parametrize("name", SWITCHES)
async def test_what_an_agent_writes_first_arrives(name: str, tmp_path: Path, autojump_clock: MockClock) -> None:
    """A visitor that was let go gets what the desk says hours later, within the ten minutes of the watch."""
    async with _bench(SWITCHES[name], tmp_path) as bench, bench.process() as side:
        await side.say("hello", 1)
        await trio.sleep(3 * HOUR)
        bench.answer("your parcel is here")
        await trio.sleep(11 * 60)

        assert ["your parcel is here"] == side.received
        assert bench.easemob.waiting(ADA) == 0


async def test_a_lost_store_is_made_good(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Without ``inherit`` the password is lost with the store; it is set anew, and the visitor goes on."""
    async with _bench(Switches(inherit=False), tmp_path / "one") as bench:
        async with bench.process() as side:
            await side.say("hello", 1)
        bench.path = tmp_path / "two"
        async with bench.process() as side:
            await side.say("again", 2)

        assert ["hello", "again"] == bench.heard


async def test_a_revoked_token_is_replaced(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Tokens that end before their time: one 401 and one refused login, then all is well."""
    async with _bench(Switches(), tmp_path) as bench:
        async with bench.process() as side:
            await side.say("hello", 1)
        bench.easemob.accounts.revoke(ADA)
        bench.easemob.accounts.revoke()
        await trio.sleep(60)
        async with bench.process() as side:
            await side.say("again", 2)

        assert ["hello", "again"] == bench.heard
        assert (2, 2) == (bench.tokens("client_credentials"), bench.tokens("inherit"))


@pytest.mark.parametrize("operation", [2, 4])
async def test_thrown_out_and_back_after_a_minute(operation: int, tmp_path: Path, autojump_clock: MockClock) -> None:
    """The pause is kept, and nothing is lost meanwhile."""
    async with _bench(Switches(), tmp_path) as bench, bench.process() as side:
        await side.say("hello", 1)
        bench.easemob.kick(ADA, operation)
        await trio.sleep(50)
        assert not bench.easemob.online(ADA)
        bench.answer("good morning")
        await trio.sleep(15)

        assert ["good morning"] == side.received


async def test_many_visitors_in_little_room(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Thirty visitors, ten places: everybody's message and everybody's answer arrive."""
    users = [im_user(f"t1_u{number}_c1") for number in range(30)]
    async with _bench(Switches(), tmp_path) as bench, bench.process() as side:
        async with trio.open_nursery() as nursery:
            for number, user in enumerate(users, 1):
                message = OutgoingMessage(meta_id=number, to=SERVICE, body=TextBody(str(number)))
                nursery.start_soon(side.pool.send, user, message)
        for number, user in enumerate(users, 1):
            bench.easemob.post(ImMessage(SERVICE, user, "txt", {"msg": f"to {number}"}))
        await trio.sleep(11 * 60)

        assert {str(number) for number in range(1, 31)} == set(bench.heard)
        assert {f"to {number}" for number in range(1, 31)} == set(side.received)
        assert side.pool.statistics().up <= 10
