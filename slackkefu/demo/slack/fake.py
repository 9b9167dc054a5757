"""The whole fake Slack, put together."""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, TypeVar, final
from urllib.parse import parse_qsl, urlsplit

import trio

from slackkefu.demo.serve import serve_http, serve_streams
from slackkefu.demo.slack.authorising import Agreement, decide, read_link
from slackkefu.demo.slack.delivery import Delivery
from slackkefu.demo.slack.faults import Faults
from slackkefu.demo.slack.ledger import Ledger
from slackkefu.demo.slack.mint import Mint
from slackkefu.demo.slack.people import Enterprise, Workspace
from slackkefu.demo.slack.socket_mode import SocketMode
from slackkefu.demo.slack.state import AppSettings, State
from slackkefu.demo.slack.switches import Addresses, Switches, Timing
from slackkefu.demo.slack.web_api import build_app
from slackkefu.demo.slack.web_api.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slackkefu.demo.slack.ledger import Parcel, Post
    from slackkefu.demo.slack.shape import Document
    from slackkefu.demo.slack.socket_mode import Link

__all__ = ["FakeSlack"]

T = TypeVar("T")


@final
class FakeSlack:
    """
    A Slack with one app.

    ::

        slack = FakeSlack(chance=Random(7))
        north = slack.add_workspace("T0NORTH001", name="North")
        north.install()
        mia = north.add_user("U0MIA00001", name="Mia")
        async with trio.open_nursery() as nursery:
            await nursery.start(slack.serve_loopback)
            …  # a client connects to slack.addresses.api
            await mia.says(mia.dm(), "hello")
            (answer,) = await slack.posted(1)

    :meth:`run` must be running for anything to be timed: deadlines, retries, the lives of connections. All timers are
    trio's.

    Args:
        wall: The calendar, seconds since the epoch.
        chance: The source of all chance; None for one that differs each time.
        settings: The app.
        switches: How the facts are read.
        timing: How long things take.
        addresses: Where clients are told to go.

    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        chance: Random | None = None,
        settings: AppSettings | None = None,
        switches: Switches | None = None,
        timing: Timing | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        mint = Mint(wall=wall, chance=chance if chance is not None else Random())  # noqa: S311  (a fake's ids)
        self.settings = settings if settings is not None else AppSettings()
        """The app: its ids, tokens and scopes."""
        self.ledger = Ledger()
        """What happened."""
        self.faults = Faults(mint.chance)
        """What goes wrong."""
        self.limits = Limits()
        """How often methods may be called."""
        self.state = State(mint=mint, settings=self.settings, ledger=self.ledger, deliver=self._deliver)
        """What this Slack knows."""
        self._delivery = Delivery(
            app_id=self.settings.app_id,
            mint=mint,
            ledger=self.ledger,
            faults=self.faults.link,
            switches=Switches(),
            timing=Timing(),
        )
        self._socket_mode = SocketMode(
            delivery=self._delivery, state=self.state, faults=self.faults.link, changed=self._changed
        )
        self._news = trio.Event()
        self.switches = switches if switches is not None else Switches()
        self.timing = timing if timing is not None else Timing()
        self.addresses = addresses if addresses is not None else Addresses()
        self.asgi = build_app(self.state, faults=self.faults.web, limits=self.limits, changed=self._changed)
        """The HTTP side: an ASGI application for the hosts of ``addresses.api``, ``.files`` and ``.hooks``."""

    # How it is set.

    @property
    def switches(self) -> Switches:
        """How the facts are read; may be replaced at any time."""
        return self.state.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        self.state.switches = self._delivery.switches = switches

    @property
    def timing(self) -> Timing:
        """How long things take; what is replaced holds for what begins from then on."""
        return self.state.timing

    @timing.setter
    def timing(self, timing: Timing) -> None:
        self.state.timing = self._delivery.timing = timing

    @property
    def addresses(self) -> Addresses:
        """Where clients are told to go."""
        return self.state.addresses

    @addresses.setter
    def addresses(self, addresses: Addresses) -> None:
        self.state.addresses = addresses

    def add_organisation(self, organisation_id: str | None = None, *, name: str) -> Enterprise:
        """Found an Enterprise organisation."""
        return Enterprise(self.state, self.state.add_organisation(organisation_id, name))

    def add_workspace(self, team_id: str | None = None, *, name: str, domain: str = "") -> Workspace:
        """Found a workspace of its own."""
        team = self.state.add_team(team_id, name, domain=domain or name.lower(), organisation=None)
        return Workspace(self.state, team)

    def authorize(self, where: Workspace | Enterprise) -> str:
        """Let an admin agree to the installation; return the code for ``oauth.v2.access``."""
        agreement = Agreement(where.team if isinstance(where, Workspace) else where.organisation)
        return self.state.codes.issue(self.state.mint.hex(32), agreement, now=self.state.mint.now())

    def follow(self, link: str, where: Workspace | Enterprise | None) -> str:
        """
        Let an admin open a link to the authorise page and agree in *where*, or not at all.

        Returns:
            The address that their browser is sent to.

        Raises:
            WrongLink: The page shows an error.

        """
        question = read_link(self.state, dict(parse_qsl(urlsplit(link).query)))
        if where is None:
            return decide(self.state, question, None)
        return decide(self.state, question, where.team if isinstance(where, Workspace) else where.organisation)

    # How it runs.

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the time, until cancelled; payloads that waited for it are tried now."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._socket_mode.run)
            at_once = self.state.later
            self.state.later = lambda after_s, work: nursery.start_soon(self._do_later, after_s, work)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self.state.later = at_once

    async def _do_later(self, after_s: float, work: Callable[[], None]) -> None:
        if after_s:
            await trio.sleep(after_s)
        work()
        self._changed()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one WebSocket connection of Socket Mode to its end; *stream* is closed then."""
        await self._socket_mode.serve_stream(stream)

    async def serve_loopback(
        self, *, http_port: int = 0, task_status: trio.TaskStatus[Addresses] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """
        Run on real sockets of this machine, until cancelled.

        Started with the addresses, which are :attr:`addresses` from then on.

        Raises:
            OSError: The port cannot be had.

        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self.run)
            socket_port = await nursery.start(serve_streams, self.serve_stream)
            bound = await nursery.start(_serve_http, self, http_port)
            self.addresses = Addresses.loopback(http_port=bound, socket_port=socket_port)
            task_status.started(self.addresses)

    # What happens to connections.

    @property
    def links(self) -> Sequence[Link]:
        """The open connections, oldest first; each has a ``line`` to cut, silence or slow."""
        return list(self._socket_mode.links.values())

    def refresh(self) -> None:
        """Send ``refresh_requested`` on every connection, as Slack does every few hours."""
        self._delivery.refresh(trio.current_time())
        self._socket_mode.carry_out()

    def deafen(self, link: Link) -> None:
        """Let a connection answer pings, and lose the envelopes that are its share."""
        self._delivery.deafen(link.number)

    def disable_socket_mode(self) -> None:
        """Switch Socket Mode off: ``link_disabled`` everywhere, and no connection until it is on again."""
        self.state.socket_mode = False
        self._delivery.disable(trio.current_time())
        self._socket_mode.carry_out()

    def enable_socket_mode(self) -> None:
        """Switch Socket Mode on again."""
        self.state.socket_mode = self._delivery.enabled = True

    def send(self, kind: str, payload: Document, *, accepts_answer: bool = False) -> Parcel:
        """Send any payload under any kind of envelope; it is delivered, and tried again, as its kind has it."""
        return self.state.send(kind, payload, accepts_answer=accepts_answer)

    def send_frame(self, frame: Document | str) -> None:
        """Send a frame that is no envelope, or no JSON at all, on every open connection."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        for link in self.links:
            self._delivery.send_raw(link.number, text)
        self._socket_mode.carry_out()

    # What tests wait for.

    async def until(self, condition: Callable[[], T]) -> T:
        """
        Wait until *condition* gives something true, and return that.

        It is asked again each time something has happened; the caller sets the time limit.
        """
        while not (value := condition()):
            await self._news.wait()
        await trio.lowlevel.checkpoint()
        return value

    async def posted(self, count: int) -> list[Post]:
        """Wait until the app has posted *count* messages in all; return all so far."""
        await self.until(lambda: len(self.ledger.posts) >= count)
        return list(self.ledger.posts)

    async def connected(self, count: int = 1) -> Sequence[Link]:
        """Wait until *count* connections, or more, are open; return them."""
        return await self.until(lambda: self.links if len(self.links) >= count else [])

    async def acknowledged(self, *parcels: Parcel) -> None:
        """Wait until these payloads, or all so far, have been acknowledged."""
        wanted = parcels or tuple(self.ledger.parcels)
        await self.until(lambda: all(parcel.acknowledged for parcel in wanted))

    async def settled(self) -> None:
        """Wait until every payload is acknowledged or given up."""
        await self.until(lambda: all(parcel.settled for parcel in self.ledger.parcels))

    def _deliver(self, parcel: Parcel) -> None:
        self._delivery.offer(parcel, trio.current_time())
        self._socket_mode.carry_out()

    def _changed(self) -> None:
        self._news.set()
        self._news = trio.Event()


async def _serve_http(slack: FakeSlack, port: int, *, task_status: trio.TaskStatus[int]) -> None:
    await serve_http(slack.asgi, port=port, task_status=task_status)
