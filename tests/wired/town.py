"""
The whole daemon between two fakes, in virtual time.

A :class:`Town` is a Slack, an Easemob with its desk, a network made of memory between them, and the real daemon in the
middle: everything that runs in production but sockets and threads. The app in Slack is the one that our manifest makes:
it is granted, told and offered nothing else. All chance is made from one seed, which is printed, so that a failure can
be run again.
"""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu import app, parts
from slackkefu.app import run
from slackkefu.config import Config, EasemobConfig, KefuConfig, SlackConfig, StoreConfig
from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk, DeskSwitches, KefuHost
from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.slack import FakeSlack, app_from
from slackkefu.demo.slack import Switches as SlackSwitches
from slackkefu.secret import Secret
from slackkefu.slack.manifest import manifest
from slackkefu.world import InlineDisk, World
from tests.installed import bot_of
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from slackkefu.demo.judge import Verdict
    from slackkefu.demo.slack import Person, Timing, Workspace
    from slackkefu.demo.slack.model import Channel
    from slackkefu.keys import ChannelsMode
    from slackkefu.parts import Core, Parts, Statistics
    from tests.memory_network import VirtualWall

__all__ = ["Town", "greeted", "town"]

SOON_S = 30.0

SERVICE_NUMBER = "kefu_service"

REDIRECT_URL = "https://localhost:18443/slack/oauth_redirect"

SETTLE_S = 2 * 3600.0
"""How long what is on its way may take at the end, once nothing goes wrong any more; virtual time."""


@dataclass
class Town:
    """The two fakes, the network between them, and the daemon's configuration."""

    network: MemoryNetwork
    slack: FakeSlack
    easemob: FakeEasemob
    desk: Desk
    kefu: KefuHost
    """The desk's own host; the daemon uses it only where it may."""
    world: World
    config: Config
    north: Workspace
    wall: VirtualWall
    """The daemon's own calendar, which can be wrong."""
    right_wall: VirtualWall
    """The one that the two services share."""
    nursery: trio.Nursery = field(repr=False)
    statistics: Statistics = field(default_factory=dict, repr=False)
    """What tells how the daemon is, by part, once it has started."""
    _parts: list[Parts] = field(default_factory=list, repr=False)
    _stop: trio.Event = field(default_factory=trio.Event)
    _gone: trio.Event = field(default_factory=trio.Event)
    _life: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def start(self) -> None:
        """Start the daemon; returns when it works."""
        self._stop, self._gone = trio.Event(), trio.Event()
        await self.nursery.start(self._run)

    async def stop(self) -> None:
        """Stop the daemon as SIGTERM does; returns when it is gone."""
        self._stop.set()
        await self._gone.wait()

    async def kill(self) -> None:
        """End the daemon at once, with whatever is in its hands; returns when it is gone."""
        self._life.cancel()
        await self._gone.wait()

    def skip(self, seconds: float) -> None:
        """Have all calendars go on by *seconds* at once, in which nothing happens."""
        for wall in (self.wall, self.right_wall):
            wall.step(seconds)

    async def run_once(self) -> None:
        """Run the daemon in the caller's own task, for a start that fails."""
        await run(self.config, self.world, stop=trio.Event(), on_ready=lambda _: None)

    async def _run(self, *, task_status: trio.TaskStatus[None]) -> None:
        def on_ready(statistics: Statistics) -> None:
            self.statistics = statistics
            task_status.started()

        def build(core: Core, *, nursery: trio.Nursery) -> Parts:
            self._parts.append(parts.build(core, nursery=nursery))
            return self._parts[-1]

        with trio.CancelScope() as self._life, pytest.MonkeyPatch.context() as patched:
            patched.setattr(app, "build", build)
            await run(self.config, self.world, stop=self._stop, on_ready=on_ready)
        self._gone.set()

    async def installs(self, workspace: Workspace) -> None:
        """Let the app be installed in *workspace*, and tell the daemon that runs, as ``slackkefu install`` does."""
        await self._parts[-1].installing.install(bot_of(workspace.install(), at=self.wall()))

    @property
    def daemon(self) -> Parts:
        """What the latest daemon is made of, for what is asked by its control socket: no socket is virtual."""
        return self._parts[-1]

    @property
    def is_running(self) -> bool:
        """Whether the daemon works now."""
        return bool(self.statistics) and not self._stop.is_set() and not self._gone.is_set()

    def judge(self) -> Verdict:
        """Judge everything that people and agents said."""
        return judge_town(self.slack, self.easemob, self.desk, channels=self.config.slack.channels)

    async def settle(self, *, within_s: float = SETTLE_S) -> None:
        """
        Let all faults end, and wait until nothing is on its way any more.

        Raises:
            AssertionError: Something still is.

        """
        self.calm()
        left = self.on_its_way()
        for _ in range(round(within_s)):
            if not left:
                break
            await trio.sleep(1)
            left = self.on_its_way()

        assert not left, left

    def calm(self) -> None:
        """End all faults; what a line has lost stays lost."""
        self.slack.faults.web.clear()
        self.slack.faults.web.latency_s = self.slack.faults.web.jitter_s = 0.0
        link = self.slack.faults.link
        link.lose_acknowledgements = link.repeat_envelopes = link.silent_handshakes = 0
        link.handshakes.clear()
        self.easemob.faults.clear()
        self.desk.catches_up()
        self.network.hosts.clear()
        for line in self.network.open_lines():
            line.heal()

    def on_its_way(self) -> dict[str, int]:
        """Count what has not come to its end, by where it is."""
        at: dict[str, int] = {
            "Slack": sum(not parcel.settled for parcel in self.slack.ledger.parcels),
            "Easemob": sum(self.easemob.waiting(visitor) for visitor in self.desk.conversations),
        }
        for part, count in (
            ("messages", "in_hand"),
            ("telling", "pending"),
            ("backfill", "to_read"),
            ("backfill", "gaps"),
            ("spill", "pending"),
            ("affairs", "waiting"),
            ("lanes_to_kefu", "waiting"),
            ("lanes_to_slack", "waiting"),
            ("session_status", "pending"),
        ):
            at[f"{part} {count}"] = getattr(self.statistics[part](), count)
        if self.desk.switches.acknowledges and self.desk.switches.acknowledged_kinds is None:
            at["proof awaiting"] = self.statistics["proof"]().awaiting  # type: ignore[attr-defined]  # that group's class
        return {place: count for place, count in at.items() if count}

    def visitor(self, person: Person, channel: Channel) -> str:
        """Return the name that *person* in *channel* has at the desk."""
        return f"{person.user.team.id}_{person.id}_{channel.id}".lower()


@asynccontextmanager
async def _scheduled(seed: int) -> AsyncIterator[None]:
    """Let trio's tasks take turns as *seed* has it, not as chance has it, for a ``with`` block."""
    scheduler = trio._core._run
    was = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # as trio does for hypothesis
    scheduler._r.seed(seed)
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = was  # type: ignore[misc]


@asynccontextmanager
async def town(
    tmp_path: Path,
    *,
    seed: int = 1,
    started: bool = True,
    channels: ChannelsMode = "mention",
    switches: Switches | None = None,
    slack_switches: SlackSwitches | None = None,
    slack_timing: Timing | None = None,
    desk_switches: DeskSwitches | None = None,
    max_sessions: int = 2000,
    private_api: bool = False,
    desk_config: Mapping[str, Any] = MappingProxyType({"source_card": False}),
    session_status: bool = False,
    introduction: bool = False,
    lost: int = 0,
    doubled: int = 0,
    settles: bool = True,
) -> AsyncIterator[Town]:
    """
    Build a town; the daemon runs when *started*, and is stopped at the end.

    Then everything is judged: where the daemon still runs, faults end and what is on its way arrives. Nothing may be
    out of order, only *lost* messages may not have arrived, and only *doubled* ones more than once.

    Args:
        tmp_path: For the store.
        seed: Of all chance.
        started: Whether the daemon runs.
        channels: What of members' messages is for the desk.
        switches: How Easemob behaves.
        slack_switches: How Slack behaves.
        slack_timing: How long things take at Slack's.
        desk_switches: How kefu behaves.
        max_sessions: How many visitors may be logged in.
        private_api: Whether the daemon may use the desk's own API.
        desk_config: What else is configured for the desk. A card that tells where somebody writes would be one more
            message in each conversation, so there is none unless a test is about it.
        session_status: Whether customers see how their service session stands; off, so that posts are answers.
        introduction: Whether people are told who reads what they write; here most want to see only what others say.
        lost: Messages that do not arrive, without a word to their senders.
        doubled: Messages that arrive twice.
        settles: Whether everything comes to its end, once nothing goes wrong any more; else no loss is judged.

    """
    print(f"seed {seed}")  # noqa: T201 - pytest shows it with a failure
    wall = virtual_wall()
    async with _scheduled(seed), trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, chance=Random(seed))
        slack = FakeSlack(
            wall=wall,
            chance=Random(seed + 1),
            settings=app_from(manifest(redirect_url=REDIRECT_URL)),
            switches=slack_switches,
            timing=slack_timing,
        )
        await nursery.start(slack.run)
        easemob = FakeEasemob(switches=switches, wall=wall)
        numbers = itertools.count(1)
        desk = Desk(
            easemob, service_number=SERVICE_NUMBER, switches=desk_switches, new_id=lambda: f"{seed}-{next(numbers):08}"
        )
        kefu = KefuHost(desk, easemob)
        network.serve_http("kefu.test", kefu.asgi)
        network.serve_http("slack.com", slack.asgi)
        network.serve_http("files.slack.com", slack.asgi)
        network.serve_http("hooks.slack.com", slack.asgi)
        network.serve_url(slack.addresses.socket, slack.serve_stream)
        network.serve_http("rest.easemob.test", easemob.asgi)
        network.serve_url(easemob.websocket_url, easemob.serve_stream)
        north = slack.add_workspace("T0NORTH001", name="North")
        installation = north.install(token="xoxb-north")
        config = Config(
            slack=SlackConfig(
                app_token=Secret(slack.state.settings.app_token),
                bot_token=Secret(installation.token),
                client_id="",
                client_secret=None,
                redirect_url=REDIRECT_URL,
                api_url=slack.addresses.api,
                connections=2,
                channels=channels,
                backfill_max_age=24,
                session_status=session_status,
                language="both",
                introduction=introduction,
            ),
            easemob=EasemobConfig(
                app_key=easemob.app_key,
                client_id=easemob.client_id,
                client_secret=Secret(easemob.client_secret),
                rest_url=easemob.rest_url,
                websocket_url=easemob.websocket_url,
                discovery_url=easemob.discovery_url,
                max_sessions=max_sessions,
                logins_per_second=10,
            ),
            kefu=KefuConfig(
                service_number=SERVICE_NUMBER,
                tenant_id=kefu.tenant_id,
                url="https://kefu.test",
                private_api=private_api,
                **{"visitor_fields": ("name", "workspace"), **desk_config},
            ),
            store=StoreConfig(path=tmp_path / "store"),
        )
        ours = virtual_wall()
        world = World(network=network, disk=InlineDisk(), wall=ours, chance=Random(seed + 2))
        here = Town(network, slack, easemob, desk, kefu, world, config, north, ours, wall, nursery)
        if started:
            await here.start()
        yield here
        settles = settles and here.is_running
        if settles:
            await here.settle()
        if started:
            await here.stop()
        nursery.cancel_scope.cancel()
    verdict = here.judge()
    print(verdict)  # noqa: T201 - pytest shows it with a failure

    assert ((), doubled) == (verdict.reordered, len(verdict.doubled)), verdict
    assert not settles or lost == len(verdict.lost), verdict.lost


async def greeted(here: Town, words: str = "hello") -> tuple[Person, str]:
    """Let Mia, who reads Chinese, begin a conversation; return her, and her name at the desk."""
    mia = here.north.add_user(name="Mia")
    await mia.says(mia.dm(), words)
    with trio.fail_after(SOON_S):
        await here.desk.heard(words)
    return mia, here.visitor(mia, mia.dm())
