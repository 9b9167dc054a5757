"""
The demo in a terminal: two customers in Slack, an agent at the desk, and the real daemon between them.

The workspace and the desk are ours, on real sockets of this machine; the daemon reads a real configuration and has a
real store, both in a folder that goes when the demo ends. What is typed as a customer shows up at the desk when it
has arrived there, and what is typed as the agent shows up in Slack; nothing is shown that did not make the way.
Lines may come from a pipe as well: each is waited for, and the end of the input ends the demo.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import tempfile
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import structlog
import trio
from rich.console import Console
from rich.text import Text

from slackkefu.app import run
from slackkefu.config import load
from slackkefu.demo.desk import Desk
from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.slack import FakeSlack
from slackkefu.net.network import TcpNetwork
from slackkefu.secret import Secret
from slackkefu.service import logs
from slackkefu.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from slackkefu.demo.desk import Heard
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.ledger import Post
    from slackkefu.demo.slack.model import Channel, Message

__all__ = ["Scene", "keyboard", "run_demo", "scene"]

ARRIVAL_S: Final = 10.0
"""How long a typed line may take to arrive before that is said."""
READ_BYTES: Final = 4096
SERVICE_NUMBER: Final = "kefu_service"

GREETING: Final = (
    "Mia writes to the app in a direct message, Leo mentions it in #help.",
    "An agent answers both. Between Slack and the desk runs the real daemon.",
    "Type  mia: where is my order?   then  agent mia: on its way   or  leo: hello",
    "help says this again, quit ends it. Nothing leaves this machine.",
)

_LINE: Final = re.compile(r"(?P<agent>agent\s+)?(?P<name>\w+)\s*:\s*(?P<text>.+)", re.IGNORECASE)


@final
@dataclass(slots=True)
class Customer:
    """A customer and where this one talks with the app."""

    person: Person
    channel: Channel
    opening: str = ""
    """What stands before the first words: the mention, in a channel."""
    thread: Message | None = None
    """What the conversation in a channel began with."""
    typed: int = 0
    """Messages typed so far."""

    @property
    def visitor(self) -> str:
        """The customer's name at the desk."""
        return f"{self.person.user.team.id}_{self.person.id}_{self.channel.id}".lower()


@final
class Scene:
    """The two ends, and what has been shown of them."""

    def __init__(self, slack: FakeSlack, desk: Desk, customers: dict[str, Customer], console: Console) -> None:
        self._slack = slack
        self._desk = desk
        self._customers = customers
        self._console = console
        self._names = {customer.visitor: name for name, customer in customers.items()}
        self._shown_heard: dict[str, int] = {}
        self._shown_posts = 0

    def greet(self) -> None:
        """Say what this is."""
        for line in GREETING:
            self._console.print(Text(line, style="dim"))

    async def do(self, line: str) -> bool:
        """Carry out what was typed, and wait until it has arrived; tell whether to go on."""
        typed = line.strip()
        if typed.lower() in {"quit", "exit"}:
            return False
        match = _LINE.fullmatch(typed)
        customer = self._customers.get(match["name"].lower()) if match else None
        if not typed:
            pass
        elif typed.lower() == "help":
            self.greet()
        elif match is None or customer is None:
            names = ", ".join(self._customers)
            self._say(f"not understood; type a name ({names}), a colon and the words, or help")
        elif match["agent"]:
            await self._agent_writes(customer, match["text"])
        else:
            await self._customer_writes(customer, match["text"])
        return True

    async def watch(self) -> None:
        """Show what arrives at either end, whenever it does."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_desk)
            nursery.start_soon(self._watch_slack)

    async def _watch_desk(self) -> None:
        while True:
            await self._desk.change()
            self._show()

    async def _watch_slack(self) -> None:
        while True:
            await self._slack.posted(self._shown_posts + 1)
            self._show()

    async def _customer_writes(self, customer: Customer, text: str) -> None:
        words = text if customer.thread else customer.opening + text
        message = await customer.person.says(customer.channel, words, thread=customer.thread)
        if customer.opening and customer.thread is None:
            customer.thread = message
        customer.typed += 1
        await self._arrives(lambda: len(self._desk.conversation(customer.visitor).heard) >= customer.typed)

    async def _agent_writes(self, customer: Customer, text: str) -> None:
        if not customer.typed:
            self._say(f"{customer.person.name} has not written yet")
            return
        before = len(self._slack.ledger.posts)
        self._desk.answers(customer.visitor, text)
        await self._arrives(lambda: len(self._slack.ledger.posts) > before)

    async def _arrives(self, arrived: Callable[[], bool]) -> None:
        """Wait until something typed is at the other end, and show it."""
        with trio.move_on_after(ARRIVAL_S) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_heard, arrived, nursery.cancel_scope)
                await self._slack.until(arrived)
                nursery.cancel_scope.cancel()
        self._show()
        if scope.cancelled_caught:
            self._say("that has not arrived yet; it is shown here when it does")

    async def _until_heard(self, arrived: Callable[[], bool], scope: trio.CancelScope) -> None:
        while not arrived():
            await self._desk.change()
        scope.cancel()

    def _show(self) -> None:
        """Show what has arrived since the last time."""
        for visitor, conversation in self._desk.conversations.items():
            heard = conversation.heard
            for line in heard[self._shown_heard.get(visitor, 0) :]:
                self._show_heard(line)
            self._shown_heard[visitor] = len(heard)
        posts = list(self._slack.ledger.posts)
        for post in posts[self._shown_posts :]:
            self._show_post(post)
        self._shown_posts = len(posts)

    def _show_heard(self, heard: Heard) -> None:
        name = str(heard.card.get("userNickname") or self._names.get(heard.visitor, heard.visitor))
        self._line("desk", "magenta", name, f"({heard.card.get('companyName') or heard.visitor})", heard.text)

    def _show_post(self, post: Post) -> None:
        place = f"#{post.channel.name}" if post.channel.name else "direct message"
        whom = next((name for name, customer in self._customers.items() if customer.channel is post.channel), "")
        thread = ", in the thread" if post.thread else ""
        self._line("Slack", "cyan", f"to {whom.title()}", f"({place}{thread})", post.shown)

    def _line(self, end: str, colour: str, who: str, where: str, words: str) -> None:
        line = Text.assemble((f"{end:<6}", f"bold {colour}"), (who, "bold"), " ", (where, "dim"), "  ", words)
        self._console.print(line, soft_wrap=True)

    def _say(self, text: str) -> None:
        self._console.print(Text(text, style="yellow"), soft_wrap=True)


@asynccontextmanager
async def scene(console: Console) -> AsyncIterator[Scene]:
    """
    Set everything up and run it for as long as the block lasts.

    Raises:
        OperatorError: The daemon cannot work; its text says why.

    """
    slack = FakeSlack()
    north = slack.add_workspace("T0NORTH001", name="North")
    installation = north.install(token="xoxb-north")
    mia = north.add_user("U0MIA00001", name="Mia")
    leo = north.add_user("U0LEO00001", name="Leo")
    channel = north.add_channel("C0HELP0001", name="help", members=[mia, leo])
    easemob = FakeEasemob()
    desk = Desk(easemob, service_number=SERVICE_NUMBER)
    customers = {
        "mia": Customer(mia, mia.dm()),
        "leo": Customer(leo, channel, opening=f"<@{installation.bot.id}> "),
    }
    stop = trio.Event()
    with tempfile.TemporaryDirectory(prefix="slackkefu-demo-") as folder:
        path = Path(folder) / "config.toml"
        async with trio.open_nursery() as servers:
            await servers.start(slack.serve_loopback)
            await servers.start(easemob.serve_loopback)
            path.write_text(_configuration(slack, easemob, store=Path(folder) / "store"), encoding="utf-8")
            path.chmod(0o600)
            async with trio.open_nursery() as daemon:
                await daemon.start(_run_daemon, path, stop)
                yield Scene(slack, desk, customers, console)
                stop.set()
            servers.cancel_scope.cancel()


async def _run_daemon(path: Path, stop: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    config = load(path, {})
    await run(config, World(network=TcpNetwork()), stop=stop, on_ready=lambda _: task_status.started())


def _configuration(slack: FakeSlack, easemob: FakeEasemob, *, store: Path) -> str:
    """Return the text of a configuration that leads to the two fakes; here nobody would see a message change."""
    return f"""\
[slack]
app_token = "{slack.settings.app_token}"
bot_token = "xoxb-north"
api_url = "{slack.addresses.api}"
session_status = false
# Whoever plays all of them knows who reads what is written.
introduction = false

[easemob]
app_key = "{easemob.app_key}"
client_id = "{easemob.client_id}"
client_secret = "{easemob.client_secret}"
discovery_url = "{easemob.discovery_url}"

[kefu]
service_number = "{SERVICE_NUMBER}"
source_card = false

[store]
path = "{store}"
"""


async def keyboard(console: Console) -> AsyncGenerator[str, None]:
    """
    Yield what is typed, line by line, to the end of the input.

    The file descriptor is read in a thread of its own, which a cancellation leaves behind: ``sys.stdin`` could not
    be left in the middle of a read when Python ends.
    """
    typed_by_hand = sys.stdin.isatty()
    rest, ended = b"", False
    while not ended or rest:
        if typed_by_hand:
            console.print("> ", end="")
        while b"\n" not in rest and not ended:
            data = await trio.to_thread.run_sync(os.read, sys.stdin.fileno(), READ_BYTES, abandon_on_cancel=True)
            rest, ended = rest + data, not data
        line, _, rest = rest.partition(b"\n")
        if ended and not line:
            return
        words = line.decode(errors="replace")
        if not typed_by_hand:
            console.print(Text(f"> {words}", style="dim"), soft_wrap=True)
        yield words


async def run_demo() -> None:
    """
    Play until the input ends, somebody types ``quit``, or SIGINT or SIGTERM arrives.

    Raises:
        OperatorError: The daemon cannot work; its text says why.

    """
    logs.configure(verbose=False, stream=sys.stderr, environ=os.environ, hidden=(Secret,))
    # Of the daemon's log only what is wrong.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(highlight=False)
    async with trio.open_nursery() as nursery:
        await nursery.start(_end_on_signal, nursery.cancel_scope)
        async with scene(console) as here:
            nursery.start_soon(here.watch)
            here.greet()
            async with aclosing(keyboard(console)) as lines:
                async for line in lines:
                    if not await here.do(line):
                        break
        nursery.cancel_scope.cancel()


async def _end_on_signal(scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
