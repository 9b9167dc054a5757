"""
One run of ``slackkefu install``: from a link to an installation that is kept.

Each step can be the last one of a process that is killed. Before the code is exchanged, which works once, the store or
its daemon is made sure of; after that there is nothing half: either the installation is on disk, or the same link is
agreed to again, which installs nothing twice at Slack.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

import click
import trio

from slackkefu.cli.in_store import Place, do, enter
from slackkefu.cli.installations import handlers, rows_of
from slackkefu.cli.redirect_page import RedirectPage
from slackkefu.config import NetworkConfig, StoreConfig  # noqa: TC001 - the shape is read as it runs
from slackkefu.errors import LinkClosed, SlackkefuError, WrongUse
from slackkefu.secret import Secret
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.grant import exchange
from slackkefu.slack.oauth import NONCE_BYTES, App, authorize_link, take_code, take_lone_code
from slackkefu.slack.web import OAuthClient, WebClient

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from slack_sdk.oauth.installation_store import Bot

    from slackkefu.slack.oauth import Code
    from slackkefu.world import World

__all__ = ["InstallConfig", "Installing", "OAuthConfig"]

LISTEN_S: Final = 3600.0
"""How long ``--listen`` waits for somebody."""

HAND_OVER_S: Final = 30.0
"""How long the store, or its daemon, may take to come back once a code has been exchanged."""

ATTEMPTS: Final = 5
"""How often a wrong answer may be pasted."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthConfig:
    """What of the Slack app is needed here."""

    client_id: str
    client_secret: Secret
    redirect_url: str
    api_url: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InstallConfig:
    """What this command reads of the configuration."""

    slack: OAuthConfig
    network: NetworkConfig
    store: StoreConfig


@final
class Installing:
    """One run of the command."""

    def __init__(self, config: InstallConfig, world: World, team: str) -> None:
        slack = config.slack
        self._config = config
        self._world = world
        self._app = App(slack.client_id, slack.client_secret, slack.redirect_url)
        self._place: Place | None = None
        self.link = authorize_link(
            self._app,
            BOT_SCOPES,
            api_url=slack.api_url,
            now=world.wall(),
            nonce=world.chance.randbytes(NONCE_BYTES),
            team_id=team,
        )

    def enter(self) -> None:
        """Go to the store; one is made where there is none."""
        self._place = enter(self._config.store.path, may_make=True)

    # What came back.

    def code_of(self, text: str, *, is_code: bool = False) -> Code:
        """Read an answer; raises WrongUse, SlackSetupError."""
        return take_lone_code(text, self._app) if is_code else take_code(text, self._app, now=self._world.wall())

    def ask_for_code(self, *, is_code: bool) -> Code:
        """Show the link, and ask for what comes back until it is an answer; raises WrongUse, SlackSetupError."""
        click.echo(f"Open this link in a browser, choose the workspace, and agree:\n\n{self.link}\n")
        if not sys.stdin.isatty():
            return self.code_of(sys.stdin.read(), is_code=is_code)
        if click.confirm("Open it in a browser on this machine?", default=False):
            click.launch(self.link)
        click.echo(
            f"Then the browser goes to {self._app.redirect_url}, where nothing needs to be: an error page is right. "
            "Copy all of its address, and paste it here within ten minutes."
        )
        pasted: list[str] = []
        for left in reversed(range(ATTEMPTS)):
            pasted.append(click.prompt("Address", prompt_suffix="> ", default="", show_default=False))
            try:
                return self._first_of(pasted[-1], "\n".join(pasted), is_code=is_code)
            except WrongUse as exc:
                if not left:
                    raise
                click.echo(f"{exc}\n", err=True)
        raise WrongUse("Nothing was pasted.")

    def _first_of(self, line: str, everything: str, *, is_code: bool) -> Code:
        """Read a line; or it and those before, which the terminal may have broken an address into."""
        try:
            return self.code_of(line, is_code=is_code)
        except WrongUse as exc:
            with contextlib.suppress(WrongUse):
                return self.code_of(everything, is_code=is_code)
            raise exc from None

    # With a code.

    async def make_sure(self) -> None:
        """See that an installation has where to go, before anybody agrees for nothing; errors as :meth:`complete`."""
        async with self._slack() as web:
            await self._do(web, "installations.list", {})

    async def complete(self, code: Code) -> None:
        """
        Install the app where *code* was given for.

        Raises:
            SlackkefuError: It did not come to its end; its text, and what was said on standard error, say what to do.

        """
        async with self._slack() as web:
            # The code works once: make sure of where its installation goes before.
            there = await self._do(web, "installations.list", {})
            bot = await exchange(code, web=web, world=self._world)
            await self._hand_over(web, bot)
        self._tell(bot, there)

    @contextlib.asynccontextmanager
    async def _slack(self) -> AsyncIterator[WebClient]:
        slack = self._config.slack
        client = OAuthClient(slack.client_id, slack.client_secret)
        web = WebClient(world=self._world, api_url=slack.api_url, app_token=Secret(""), client=client)
        try:
            yield web
        finally:
            with trio.move_on_after(1.0, shield=True):
                await web.aclose()

    async def _hand_over(self, web: WebClient, bot: Bot) -> None:
        deadline = trio.current_time() + HAND_OVER_S
        while True:
            try:
                await self._do(web, "installations.install", {"bot": vars(bot)}, patience_s=HAND_OVER_S)
            except SlackkefuError as exc:
                if isinstance(exc, LinkClosed) and trio.current_time() < deadline:
                    # The daemon went away with it in hand; doing it twice does no harm.
                    await trio.sleep(1.0)
                    continue
                click.echo(
                    f"Slack has installed the app in {_name_of(bot)}, and it could not be kept here, so nobody there "
                    "is served yet. When what is said below is mended, run slackkefu install again and agree once "
                    "more: nothing is installed twice, and nothing is lost.",
                    err=True,
                )
                raise
            return

    async def _do(
        self, web: WebClient, what: str, arguments: Mapping[str, object], *, patience_s: float | None = None
    ) -> Mapping[str, object]:
        assert self._place is not None, "entered before"  # noqa: S101 - the order of this module
        return await do(
            self._place,
            what,
            arguments,
            world=self._world,
            handlers=lambda store: handlers(store, self._world, web=web),
            patience_s=patience_s,
        )

    def _tell(self, bot: Bot, there: Mapping[str, object]) -> None:
        click.echo(f"{_name_of(bot)}: installed. Kept in {self._place}.")
        missing = sorted(BOT_SCOPES.keys() - set(bot.bot_scopes))
        if missing:
            click.echo(
                f"Slack did not grant {', '.join(missing)}: bring the app's manifest up to date (slackkefu manifest) "
                "and install again.",
                err=True,
            )
        others = {str(row["app_id"]) for row in rows_of(there) if row.get("app_id")} - {bot.app_id}
        if others:
            click.echo(
                f"It is of the app {bot.app_id}, others here are of {', '.join(sorted(others))}. One slackkefu serves "
                "one app: check slack.client_id and slack.app_token.",
                err=True,
            )
        if bot.is_enterprise_install:
            click.echo("An organisation admin has to add the app to each workspace that shall have it.")

    # At the redirect address.

    async def listen(self, host: str, port: int, tls: ssl.SSLContext) -> None:
        """
        Serve the redirect address until somebody has agreed.

        Raises:
            WrongUse: The port cannot be had, or nobody came.

        """
        await self.make_sure()
        try:
            listeners = await trio.open_tcp_listeners(port, host=host)
        except OSError as exc:
            raise WrongUse(f"--listen {host}:{port}: {exc.strerror or exc}") from None
        page = RedirectPage(urlsplit(self._app.redirect_url).path, self._complete_query)
        bound = listeners[0].socket.getsockname()[1]
        click.echo(
            f"Waiting on {host}:{bound} for {LISTEN_S / 60:.0f} minutes. Browsers must reach it as "
            f"{self._app.redirect_url}. Open this link in a browser, choose the workspace, and agree:\n\n{self.link}"
        )
        with trio.move_on_after(LISTEN_S) as patience:
            await page.serve(listeners, tls)
        if patience.cancelled_caught:
            raise WrongUse(f"Nobody has agreed within {LISTEN_S / 60:.0f} minutes. Nothing was installed.")

    async def _complete_query(self, query: str) -> None:
        try:
            await self.complete(self.code_of(f"{self._app.redirect_url}?{query}"))
        except SlackkefuError as exc:
            click.echo(f"{exc}\nStill waiting.", err=True)
            raise


def _name_of(bot: Bot) -> str:
    place = bot.enterprise_id if bot.is_enterprise_install else bot.team_id
    name = bot.enterprise_name if bot.is_enterprise_install else bot.team_name
    plain = "".join(letter for letter in name or "" if letter.isprintable())
    return f"{plain} ({place})" if plain else str(place)
