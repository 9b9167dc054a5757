"""One run of ``slackkefu install``, against the fake Slack."""

from __future__ import annotations

import io
import ssl
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing
import trustme

from slackkefu.cli import installing as module
from slackkefu.cli.installing import InstallConfig, Installing, OAuthConfig
from slackkefu.config import NetworkConfig, StoreConfig
from slackkefu.demo.slack import FakeSlack
from slackkefu.demo.slack.faults import Drop, Refusal, Status
from slackkefu.errors import SlackSetupError, StoreLocked, WrongUse
from slackkefu.secret import Secret
from slackkefu.slack.grant import exchange
from slackkefu.store import open_store
from slackkefu.store.lock import hold
from slackkefu.world import InlineDisk, World
from tests.memory_network import MemoryNetwork, virtual_wall

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from slack_sdk.oauth.installation_store import Bot
    from trio.testing import MockClock

    from slackkefu.demo.slack.people import Enterprise, Workspace
    from slackkefu.slack.oauth import Code


class Run:
    """A Slack, and a run of the command in a folder of its own."""

    def __init__(self, folder: Path, nursery: trio.Nursery, chance: Random) -> None:
        self.slack = FakeSlack(wall=virtual_wall(), chance=chance)
        network = MemoryNetwork(nursery, chance=chance)
        network.serve_http(httpx.URL(self.slack.addresses.api).host, self.slack.asgi)
        self.world = World(network, InlineDisk(), wall=virtual_wall(), chance=chance)
        self.store = folder / "store"
        settings = self.slack.settings
        config = InstallConfig(
            slack=OAuthConfig(
                client_id=settings.client_id,
                client_secret=Secret(settings.client_secret),
                redirect_url=settings.redirect_urls[0],
                api_url=self.slack.addresses.api,
            ),
            network=NetworkConfig(),
            store=StoreConfig(path=self.store),
        )
        self.installing = Installing(config, self.world, "")
        self.installing.enter()

    async def install(self, where: Workspace | Enterprise | None) -> None:
        """Follow the link, and paste the answer."""
        await self.installing.complete(self.installing.code_of(self.slack.follow(self.installing.link, where)))

    def kept(self) -> list[Bot]:
        """Return what is in the store."""
        with open_store(self.store, self.world) as store:
            bots, damages = store.installations.bots()
        assert not damages
        return bots

    def asked(self, method: str) -> int:
        """Count calls."""
        return sum(call.method == method for call in self.slack.ledger.calls)


@pytest.fixture
async def run(tmp_path: Path, nursery: trio.Nursery, chance: Random) -> Run:
    """Make one."""
    return Run(tmp_path, nursery, chance)


async def test_a_workspace_and_an_organisation(
    run: Run, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the link to what is kept: names, bot, scopes; the same link once more installs nothing twice."""
    north = run.slack.add_workspace("T0NORTH001", name="North")
    corp = run.slack.add_organisation("E0CORP00001", name="Corp")
    corp.add_workspace("T0EAST0001", name="East")
    for where in (north, corp, north):
        await run.install(where)
    by_place = {bot.team_id or bot.enterprise_id: bot for bot in run.kept()}

    assert {"T0NORTH001", "E0CORP00001"} == by_place.keys()
    (installed,) = [each for each in run.slack.state.installations if each.team is not None]
    bot = by_place["T0NORTH001"]
    assert (installed.token, installed.bot_id, installed.bot.id) == (bot.bot_token, bot.bot_id, bot.bot_user_id)
    assert installed.scopes == set(bot.bot_scopes)
    assert by_place["E0CORP00001"].is_enterprise_install
    said = capsys.readouterr()
    assert f"North (T0NORTH001): installed. Kept in {run.store}." in said.out
    assert "An organisation admin has to add the app to each workspace" in said.out
    assert "xoxb" not in said.out + said.err


async def test_rotation_is_kept(run: Run, autojump_clock: MockClock) -> None:
    """An app with rotating tokens gives a refresh token, which is kept with the time at which the other dies."""
    run.slack.state.rotates = True
    await run.install(run.slack.add_workspace(name="North"))
    (bot,) = run.kept()

    assert bot.bot_token.startswith("xoxe.xoxb-")
    assert bot.bot_refresh_token
    assert bot.bot_token_expires_at == pytest.approx(run.world.wall() + 43_200, abs=60)


async def test_who_does_not_agree(run: Run, autojump_clock: MockClock) -> None:
    """A refusal installs nothing, and no code is exchanged."""
    run.slack.add_workspace(name="North")
    with pytest.raises(SlackSetupError, match="access_denied"):
        await run.install(None)

    assert 0 == run.asked("oauth.v2.access")


async def test_the_store_is_made_sure_of_before_the_code_is_used(
    run: Run, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where somebody holds the store and does not answer, the code is not used: the same answer works later."""
    north = run.slack.add_workspace(name="North")
    answer = run.slack.follow(run.installing.link, north)
    run.store.mkdir()
    with hold(run.store, now=0), pytest.raises(StoreLocked, match=r"does not answer\. Nothing was done"):
        await run.installing.complete(run.installing.code_of(answer))

    assert 0 == run.asked("oauth.v2.access")

    await run.installing.complete(run.installing.code_of(answer))

    assert 1 == len(run.kept())


@pytest.mark.parametrize("lasts_s", [5.0, 1000.0])
async def test_the_store_is_taken_between(
    run: Run,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lasts_s: float,
) -> None:
    """What was exchanged waits for the store for a while; where that stays away, what to do is said, and works."""
    north = run.slack.add_workspace("T0NORTH001", name="North")

    async with trio.open_nursery() as holding:

        async def exchange_and_lose(code: Code, **more: object) -> Bot:
            bot = await exchange(code, **more)  # type: ignore[arg-type] # handed on
            await holding.start(hold_for, run.store, lasts_s)
            return bot

        monkeypatch.setattr(module, "exchange", exchange_and_lose)
        if lasts_s < module.HAND_OVER_S:
            await run.install(north)
        else:
            with pytest.raises(StoreLocked):
                await run.install(north)

            assert "installed the app in North (T0NORTH001), and it could not be kept here" in capsys.readouterr().err
        holding.cancel_scope.cancel()

    monkeypatch.undo()
    if lasts_s > module.HAND_OVER_S:
        assert [] == run.kept()

        await run.install(north)

    assert ["T0NORTH001"] == [bot.team_id for bot in run.kept()]


async def hold_for(store: Path, for_s: float, *, task_status: trio.TaskStatus[None]) -> None:
    """Hold the store's lock."""
    with hold(store, now=0):
        task_status.started()
        await trio.sleep(for_s)


@pytest.mark.parametrize("method", ["oauth.v2.access", "auth.test"])
async def test_answers_get_lost(run: Run, autojump_clock: MockClock, method: str) -> None:
    """A lost answer to either call leaves a store that is whole, and agreeing again completes it."""
    north = run.slack.add_workspace(name="North")
    run.slack.faults.web.next(method, Drop(carried_out=True))
    if method == "auth.test":
        await run.install(north)
    else:
        with pytest.raises(SlackSetupError, match="invalid_code"):
            await run.install(north)

        assert [] == run.kept()

        await run.install(north)

    assert 1 == len(run.kept())


async def test_slack_is_in_trouble_for_a_moment(run: Run, autojump_clock: MockClock) -> None:
    """Errors of Slack's that pass are waited out."""
    run.slack.faults.web.next("oauth.v2.access", Status(503))
    run.slack.faults.web.next("oauth.v2.access", Refusal("internal_error"))
    run.slack.faults.web.next("auth.test", Status(502))
    await run.install(run.slack.add_workspace(name="North"))

    assert 1 == len(run.kept())


async def test_what_slack_did_not_grant_is_named(
    run: Run, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scopes that are missing after all, and an installation of another app, are told."""
    await run.install(run.slack.add_workspace(name="North"))

    async def grant(*_: object, **more: object) -> Bot:
        (bot,) = run.kept()
        bot.team_id, bot.app_id, bot.bot_scopes = "T0OTHER001", "A0OTHER001", ["chat:write"]
        return bot

    monkeypatch.setattr(module, "exchange", grant)
    await run.install(run.slack.add_workspace(name="South"))
    said = capsys.readouterr().err

    assert "Slack did not grant app_mentions:read, channels:history" in said
    assert "of the app A0OTHER001, others here are of A0SLKFAPP1" in said


# Pasting.


class Terminal(io.StringIO):
    """A terminal on which somebody types."""

    def isatty(self) -> bool:
        """It is one."""
        return True


async def test_pasting_in_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong line is explained and asked for again; an address that came in two lines is one; five times, no more."""
    north = run.slack.add_workspace(name="North")
    address = run.slack.follow(run.installing.link, north)
    typed = Terminal(f"n\nhello\n{address[:60]}\n{address[60:]}\n")
    monkeypatch.setattr("sys.stdin", typed)
    code = run.installing.ask_for_code(is_code=False)

    assert code.code.reveal() in address

    monkeypatch.setattr("sys.stdin", Terminal("n\n" + "hello\n" * module.ATTEMPTS))
    with pytest.raises(WrongUse, match="not the address"):
        run.installing.ask_for_code(is_code=False)


async def test_pasting_into_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal all that comes is the answer."""
    address = run.slack.follow(run.installing.link, run.slack.add_workspace(name="North"))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Dear operator,\n\n  <{address}>\n\nMia"))

    assert run.installing.ask_for_code(is_code=False).code.reveal() in address


# At the redirect address.


async def test_a_page_of_ones_own(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The browser brings a refusal, nonsense, and then the answer to the page itself: the last one ends the command."""
    north = run.slack.add_workspace("T0NORTH001", name="North")
    ca = trustme.CA()
    tls, trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.configure_trust(trust)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    registered = run.slack.settings.redirect_urls[0]

    async def browse(address: str) -> str:
        async with httpx.AsyncClient(verify=trust, trust_env=False) as browser:
            return (await browser.get(address.replace("localhost:18443", f"127.0.0.1:{port}"))).text

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.installing.listen, "127.0.0.1", port, tls)
            while f"Waiting on 127.0.0.1:{port}" not in (said := capsys.readouterr().out):
                await trio.testing.wait_all_tasks_blocked(0.01)
            link = said.strip().splitlines()[-1]

            assert "授权被拒绝" in await browse(run.slack.follow(link, None))
            assert "没有完成安装" in await browse(f"{registered}?code=1&state=2")
            assert "应用已安装" in await browse(run.slack.follow(link, north))

    assert ["T0NORTH001"] == [bot.team_id for bot in run.kept()]
    after = capsys.readouterr()
    assert "North (T0NORTH001): installed" in after.out
    assert 2 == after.err.count("Still waiting.")


async def test_nobody_comes(run: Run, autojump_clock: MockClock) -> None:
    """A page waits for an hour, and then says that nothing was installed."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(WrongUse, match="Nobody has agreed within 60 minutes"):
        await run.installing.listen("127.0.0.1", 0, tls)

    assert module.LISTEN_S == pytest.approx(trio.current_time(), abs=10)
