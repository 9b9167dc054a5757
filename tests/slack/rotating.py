"""
Rotation between a fake Slack and a store on disk, in virtual time.

A :class:`Place` outlives the runs in it, as Slack and a disk outlive the daemon. Every request is watched: no token may
be sent that is not, and never was, on disk.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, final

import trio

from slackkefu.bridge.workspaces.installing import Installing
from slackkefu.demo.slack import FakeSlack
from slackkefu.secret import Secret
from slackkefu.slack.ids import TeamId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations, from_bot, to_bot
from slackkefu.slack.rotation import Rotation
from slackkefu.slack.web import OAuthClient, WebClient
from slackkefu.store.installations import JsonInstallationStore
from slackkefu.world import InlineDisk, World
from tests.memory_network import MemoryNetwork, VirtualWall, virtual_wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from slack_sdk.oauth.installation_store import Bot
    from starlette.types import Receive, Scope, Send

    from slackkefu.demo.slack import Switches, Timing
    from slackkefu.demo.slack.model import Installation as Installed

__all__ = ["HOUR_S", "Place", "Run", "place"]

HOUR_S = 3600.0


@final
class WatchedStore:
    """The store; what was written to it is known."""

    def __init__(self, root: Path) -> None:
        self.json = JsonInstallationStore(root)
        self.tokens: set[str] = {"xapp-test"}
        """Every token that was ever on disk."""

    def keep_only(self, bot: Bot) -> None:
        """Write."""
        self.json.keep_only(bot)
        self.tokens.add(bot.bot_token)

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Remove."""
        self.json.delete_all(enterprise_id=enterprise_id, team_id=team_id)


@dataclass(eq=False)
class Place:
    """A Slack whose app has token rotation, and a disk."""

    slack: FakeSlack
    network: MemoryNetwork
    store: WatchedStore
    wall: VirtualWall
    """The daemon's own calendar."""
    nursery: trio.Nursery = field(repr=False)
    sent: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Path and token of each request."""
    client: OAuthClient | None = field(default_factory=lambda: OAuthClient("client-test", Secret("client-secret-test")))
    step: Callable[[], None] = lambda: None
    """Called before and after each refresh."""

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a request to Slack."""
        headers = dict(scope["headers"])
        kind, _, token = headers.get(b"authorization", b"").decode().partition(" ")
        if kind == "Bearer":
            self.sent.append((scope["path"], token))

            assert token in self.store.tokens, "used before it is on disk"
        await self.slack.asgi(scope, receive, send)

    def install(self, team: str = "T0NORTH001") -> Installed:
        """Install the app, and keep that as ``slackkefu install`` does."""
        known = next((each for each in self.slack.state.installations if each.name == team), None)
        workspace = self.slack.add_workspace(team, name=team) if known is None else None
        installed = workspace.install() if workspace is not None else self.slack.state.install(known.team)  # type: ignore[union-attr,arg-type]  # one of the two
        self.store.keep_only(to_bot(self.as_installed(installed), self.wall()))
        return installed

    def as_installed(self, installed: Installed) -> Installation:
        """Return what OAuth gives."""
        grant = self.slack.state.grants.of(installed.token)
        return Installation(
            key=InstallationKey(None, TeamId(installed.name)),
            team_name=installed.name,
            bot_token=Secret(installed.token),
            bot_id=installed.bot_id,
            bot_user_id=UserId(installed.bot.id),
            app_id=installed.app_id,
            scopes=frozenset(installed.scopes),
            refresh_token=Secret(grant.refresh_token) if grant is not None else None,
            expires_at=self.wall() + self.slack.timing.token_s if grant is not None else None,
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        """Run what keeps the tokens, for a ``with`` block; the end is a stop."""
        world = World(self.network, disk=InlineDisk(), wall=self.wall, chance=Random(3))
        bots, damages = self.store.json.bots()
        self.store.tokens |= {bot.bot_token for bot in bots}

        assert not damages
        installations = Installations(map(from_bot, bots))
        dead: list[tuple[str, str]] = []

        async def refresh(token: Secret) -> Mapping[str, object]:
            self.step()
            answer = await web.refresh(token)
            self.step()
            return answer

        async def on_dead(key: InstallationKey, code: str) -> None:
            await trio.lowlevel.checkpoint()
            dead.append((str(key), code))

        async with trio.open_nursery() as nursery:
            rotation = Rotation(
                world=world,
                installations=installations,
                refresh=refresh,
                renew=lambda installation, renewed: installing.renew(installation, renewed),  # noqa: PLW0108 - as web
                check=lambda token: web.auth_test(token),  # noqa: PLW0108 - web comes later
                on_dead=on_dead,
                has_client=self.client is not None,
                nursery=nursery,
            )
            web = WebClient(
                world=world,
                api_url=self.slack.addresses.api,
                app_token=Secret("xapp-test"),
                tokens=rotation,
                client=self.client,
            )
            installing = Installing(installations=installations, store=self.store, web=web, world=world)
            await nursery.start(rotation.run)
            yield Run(installations, rotation, web, dead)
            nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await web.aclose()

    def refreshes(self) -> list[float]:
        """Return when refresh tokens were used, trio's clock."""
        return [call.at for call in self.slack.ledger.calls if call.method == "oauth.v2.access"]


@dataclass(eq=False)
class Run:
    """One run."""

    installations: Installations
    rotation: Rotation
    web: WebClient
    dead: list[tuple[str, str]]
    """What was reported."""

    @property
    def north(self) -> Installation:
        """The installation, as it is known now."""
        (found,) = self.installations
        return found

    async def works(self, token: Secret | None = None) -> bool:
        """Make a call, and tell whether Slack took it; raises SlackkefuError."""
        return bool((await self.web.call("auth.test", {}, token=token or self.north.bot_token))["ok"])


@asynccontextmanager
async def place(
    tmp_path: Path, *, timing: Timing | None = None, switches: Switches | None = None, teams: int = 1
) -> AsyncIterator[Place]:
    """Make a place for a ``with`` block, with the app installed in as many workspaces."""
    for folder in ("installations", "damaged/installations"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    wall = virtual_wall()
    async with trio.open_nursery() as nursery:
        slack = FakeSlack(wall=wall, chance=Random(2), timing=timing, switches=switches)
        slack.state.rotates = True
        network = MemoryNetwork(nursery, chance=Random(1))
        made = Place(slack, network, WatchedStore(tmp_path), virtual_wall(), nursery)
        network.serve_http("slack.com", made.asgi)
        for number in range(teams):
            made.install(f"T0NORTH{number + 1:03}")
        yield made
        nursery.cancel_scope.cancel()
