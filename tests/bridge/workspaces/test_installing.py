"""Who is served: installations that come, go, die and come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.workspaces.installing import ABSENT_S, CLOCKS_S, Installing
from slackkefu.errors import ConnectFailed, SlackApiError, StoreBroken, StoreUnwritable
from slackkefu.secret import Secret
from slackkefu.slack.absence import Gap, GapReason
from slackkefu.slack.ids import EnterpriseId
from slackkefu.slack.installation import InstallationKey, Installations, from_bot, to_bot
from slackkefu.slack.web import Identity
from slackkefu.store.installations import JsonInstallationStore
from tests.bridge.people import NORTH, installation, world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_sdk.oauth.installation_store.models.bot import Bot
    from structlog.testing import LogCapture
    from trio.testing import MockClock

    from slackkefu.slack.installation import Installation

T = TypeVar("T")
SOUTH = installation("south")
DEAD = SlackApiError("auth.test", "account_inactive")
HOUR_S = 3600.0


class Slack:
    """A Slack that knows which tokens work."""

    def __init__(self) -> None:
        self.answers: dict[str, Exception] = {}
        """What a token gets that does not work."""
        self.scopes: frozenset[str] = frozenset()
        self.asked: list[str] = []
        self.on_dead: Callable[[], object] | None = None
        """What everybody who gets a dead answer does, before the asker knows it."""
        self.takes_s = 0.0

    async def auth_test(self, token: Secret) -> Identity:
        """Say whose a token is."""
        self.asked.append(token.reveal())
        await trio.sleep(self.takes_s)
        problem = self.answers.get(token.reveal())
        if problem is not None:
            raise problem
        name = token.reveal().split("-")[1]
        known = installation(name)
        return Identity(
            key=known.key,
            team_name=known.team_name,
            bot_user_id=known.bot_user_id,
            bot_id=known.bot_id,
            scopes=self.scopes,
        )


class Store:
    """The store in a folder, which can be full or break."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("installations", "damaged/installations"):
            (root / folder).mkdir(parents=True)
        self._store = JsonInstallationStore(root)
        self.problem: Exception | None = None

    def keep_only(self, bot: Bot) -> None:
        """Keep a bot."""
        self._check()
        self._store.keep_only(bot)

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget a bot."""
        self._check()
        self._store.delete_all(enterprise_id=enterprise_id, team_id=team_id)

    def _check(self) -> None:
        if self.problem is not None:
            raise self.problem

    @property
    def kept(self) -> Mapping[str, Installation]:
        """What a restart would find."""
        found, damages = JsonInstallationStore(self.root).bots()
        assert not damages
        return {str(each.key): each for each in map(from_bot, found)}

    @property
    def text(self) -> str:
        """Everything on disk."""
        return "".join(path.read_text() for path in self.root.rglob("*.json"))


class Town:
    """Two workspaces that have the app, on disk and in memory."""

    def __init__(self, root: Path) -> None:
        self.slack = Slack()
        self.store = Store(root)
        self.world = world()
        now = self.world.wall()
        self.north = replace(NORTH, installed_at=now - HOUR_S, served_since=now - HOUR_S)
        self.south = replace(SOUTH, installed_at=now - HOUR_S, served_since=now - HOUR_S)
        self.installations = Installations([self.north, self.south])
        for each in (self.north, self.south):
            self.store.keep_only(to_bot(each, each.installed_at))
        self.told: list[str] = []
        self.installing = Installing(
            installations=self.installations,
            store=self.store,
            web=self.slack,
            world=self.world,
            on_change=lambda key: self.told.append(str(key)),
        )

    def new(self, token: str = "xoxb-north-2", about: Installation = NORTH) -> Bot:
        """Make the installation that comes of installing the app once more."""
        return to_bot(replace(about, bot_token=Secret(token)), self.world.wall())


@pytest.fixture
async def town(tmp_path: Path) -> Town:
    """Return a town."""
    return Town(tmp_path / "store")


# Coming.


async def test_one_that_comes_is_on_disk_before_it_is_known(autojump_clock: MockClock, town: Town) -> None:
    """A kill before the disk has it leaves nothing; one after it a workspace that is served."""
    seen: list[bool] = []
    west = installation("west")
    keep = town.store.keep_only

    def look(bot: Bot) -> None:
        seen.append(town.installations.get(west.key) is None)
        keep(bot)

    town.store.keep_only = look  # type: ignore[method-assign] # a look into the moment
    known = await town.installing.install(town.new("xoxb-west", west))

    assert [True] == seen
    assert known is town.installations.get(west.key)
    assert known == town.store.kept["-/T0WEST001"]
    assert [str(west.key)] == town.told


async def test_a_disk_that_does_not_take_it_changes_nothing(autojump_clock: MockClock, town: Town) -> None:
    """An install that cannot be kept is refused, and what was there is served on."""
    town.store.problem = StoreUnwritable(Path("installations"), "the disk is full")
    with pytest.raises(StoreUnwritable):
        await town.installing.install(town.new())

    assert town.north is town.installations.get(NORTH.key)
    assert [] == town.told


async def test_installing_once_more_goes_on(autojump_clock: MockClock, town: Town) -> None:
    """More scopes by another install are no break: what was written meanwhile is read from the history."""
    known = await town.installing.install(town.new("xoxb-north"))
    other = await town.installing.install(town.new("xoxb-north-2"))

    assert [town.north.served_since] * 2 == [known.served_since, other.served_since]
    assert other.installed_at == town.world.wall()


@pytest.mark.parametrize("problem", [DEAD, ConnectFailed("slack", "away")])
async def test_after_an_absence_that_nobody_noticed_it_is_there_from_now_on(
    autojump_clock: MockClock, town: Town, problem: Exception
) -> None:
    """Where the token before does not work, the app had left; nobody who wrote meanwhile had agreed to it."""
    town.slack.answers["xoxb-north"] = problem
    known = await town.installing.install(town.new())

    assert town.world.wall() == known.served_since == town.store.kept["-/T0NORTH001"].served_since


async def test_a_workspace_that_has_moved_has_one_file(autojump_clock: MockClock, town: Town) -> None:
    """A workspace that is in an organisation by now is installed once, under its new name."""
    moved = replace(NORTH, key=InstallationKey(EnterpriseId("E0GRID0001"), NORTH.key.team_id))
    await town.installing.install(town.new("xoxb-north", moved))

    assert {"E0GRID0001/T0NORTH001", "-/T0SOUTH001"} == {*town.store.kept}
    assert moved.key == getattr(town.installations.get(NORTH.key), "key", None)


# Going.


async def test_an_uninstalled_app_leaves_no_token(autojump_clock: MockClock, town: Town) -> None:
    """Memory and disk forget the workspace at once, only that one, and twice is harmless."""
    town.slack.answers["xoxb-north"] = DEAD
    for _ in range(2):
        await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=town.world.wall())

    assert [town.south] == list(town.installations)
    assert ["-/T0SOUTH001"] == [*town.store.kept]
    assert "xoxb-north" not in town.store.text
    assert [str(NORTH.key)] == town.told
    assert town.installing.statistics().removed == 1


async def test_memory_forgets_before_the_disk(autojump_clock: MockClock, town: Town) -> None:
    """Nothing is called with a token that is about to be erased; a kill in between leaves a readable store."""
    seen: list[bool] = []
    erase = town.store.delete_all

    def look(*, enterprise_id: str | None, team_id: str | None) -> None:
        seen.append(town.installations.get(NORTH.key) is None)
        erase(enterprise_id=enterprise_id, team_id=team_id)

    town.store.delete_all = look  # type: ignore[method-assign] # a look into the moment
    await town.installing.remove(NORTH.key, cause="operator")

    assert [True] == seen
    assert [] == town.slack.asked


@pytest.mark.parametrize("later_s", [-24 * HOUR_S, 0.0, 24 * HOUR_S], ids=["late", "at the same time", "clocks differ"])
async def test_a_token_that_works_is_not_removed(autojump_clock: MockClock, town: Town, later_s: float) -> None:
    """News of an uninstall may come a day late (facts/slack.md §2), when the app is back: whatever time it names."""
    await town.installing.install(town.new())
    is_removed = await town.installing.remove(
        NORTH.key, cause="app_uninstalled", happened_at=town.world.wall() + later_s
    )

    assert not is_removed
    assert "xoxb-north-2" == town.store.kept["-/T0NORTH001"].bot_token.reveal()
    assert town.installing.statistics().not_removed == 1


@pytest.mark.parametrize(
    ("expected", "problem", "later_s"),
    [
        (True, DEAD, -24 * HOUR_S),
        (True, SlackApiError("auth.test", "invalid_auth"), 0.0),
        (True, ConnectFailed("slack", "away"), CLOCKS_S + 1),
        (False, ConnectFailed("slack", "away"), CLOCKS_S - 1),
        (False, ConnectFailed("slack", "away"), -HOUR_S),
        (False, SlackApiError("auth.test", "org_login_required"), 0.0),
        (False, SlackApiError("auth.test", "http_502"), 0.0),
    ],
)
async def test_who_is_believed(
    autojump_clock: MockClock, town: Town, expected: bool, problem: Exception, later_s: float
) -> None:
    """A dead token bears the news out; where Slack cannot say, only news that is surely newer counts."""
    town.slack.answers["xoxb-north"] = problem
    happened_at = town.north.installed_at + later_s

    assert expected is await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=happened_at)


async def test_old_news_of_one_whose_token_is_dead(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery
) -> None:
    """A token that has run out bears out no removal from before the installation: its name is kept."""
    await nursery.start(town.installing.run)
    town.slack.answers["xoxb-north"] = SlackApiError("auth.test", "token_expired")
    before = town.north.installed_at - 60

    assert not await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=before)

    await trio.sleep(1)
    known = town.installations.known(NORTH.key)

    assert known is not None
    assert "token_expired" == known.needs_reinstall
    assert not await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=before)
    assert await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=town.world.wall())


async def test_installed_anew_while_slack_is_asked(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery
) -> None:
    """News about the installation before does not remove the one that came while Slack was asked."""
    town.slack.answers["xoxb-north"] = DEAD
    town.slack.takes_s = 10.0
    results: list[bool] = []

    async def remove() -> None:
        results.append(await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=town.world.wall()))

    nursery.start_soon(remove)
    await wait_all_tasks_blocked()
    town.slack.takes_s = 0.0
    await trio.sleep(1)
    known = await town.installing.install(town.new())
    await trio.sleep(20)

    assert [False] == results
    assert known == town.installations.get(NORTH.key)


async def test_an_organisation_is_removed_by_its_own_name(autojump_clock: MockClock, town: Town) -> None:
    """Forgetting an organisation leaves a workspace of the same one, and the other way round (trap 18)."""
    grid = replace(NORTH, key=InstallationKey(EnterpriseId("E0GRID0001"), None))
    await town.installing.install(town.new("xoxb-grid", grid))
    await town.installing.remove(grid.key, cause="operator")

    assert {"-/T0NORTH001", "-/T0SOUTH001"} == {*town.store.kept}
    assert not await town.installing.remove(InstallationKey(None, None), cause="operator")


# Dead tokens.


async def test_a_dead_token_is_erased_and_its_name_kept(autojump_clock: MockClock, town: Town) -> None:
    """The operator sees that the workspace needs a reinstall; its token is nowhere any more."""
    town.slack.answers["xoxb-north"] = DEAD
    await town.installing.mark_dead(NORTH.key, cause="account_inactive")
    kept = town.store.kept["-/T0NORTH001"]

    assert town.installations.get(NORTH.key) is None
    assert ("account_inactive", "North") == (kept.needs_reinstall, kept.team_name)
    assert "xoxb-north" not in town.store.text
    assert (1, 1) == (town.installing.statistics().served, town.installing.statistics().need_reinstall)
    known = await town.installing.install(town.new())
    assert "" == known.needs_reinstall
    assert town.world.wall() == known.served_since


async def test_a_report_about_the_token_before_kills_nobody(autojump_clock: MockClock, town: Town) -> None:
    """An answer to a call that was made before the app was installed anew says nothing of the new token."""
    town.slack.answers["xoxb-north"] = DEAD
    known = await town.installing.install(town.new())
    await town.installing.mark_dead(NORTH.key, cause="token_revoked")

    assert known == town.installations.get(NORTH.key)


async def test_what_asking_finds_is_reported_only_once(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery
) -> None:
    """Whoever reports every dead answer also reports the one that we ask for: it goes round in no circle."""

    async def report() -> None:
        await town.installing.mark_dead(NORTH.key, cause="account_inactive")

    ask = town.slack.auth_test

    async def asked(token: Secret) -> Identity:
        try:
            return await ask(token)
        except SlackApiError:
            await report()
            raise

    town.slack.auth_test = asked  # type: ignore[method-assign] # as the Web API does it
    town.slack.answers["xoxb-north"] = DEAD
    await report()

    assert town.installing.statistics().died == 1
    assert len(town.slack.asked) == 1
    await nursery.start(town.installing.run)
    town.slack.answers["xoxb-south"] = DEAD
    await town.installing.remove(SOUTH.key, cause="app_uninstalled", happened_at=town.world.wall())
    assert ["-/T0NORTH001"] == [*town.store.kept]


# Asking at the start.


async def test_an_uninstall_during_our_absence_is_found(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery
) -> None:
    """Slack has told it to nobody: every installation is asked about, and the dead one is not served."""
    town.slack.answers["xoxb-north"] = DEAD
    town.slack.scopes = frozenset({"chat:write"})
    town.installing.ask_all()
    await nursery.start(town.installing.run)
    await wait_all_tasks_blocked()

    assert [SOUTH.key] == [each.key for each in town.installations]
    assert "account_inactive" == town.store.kept["-/T0NORTH001"].needs_reinstall
    assert frozenset({"chat:write"}) == town.store.kept["-/T0SOUTH001"].scopes


async def test_a_slack_that_is_away_is_asked_again(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery
) -> None:
    """What cannot be asked now is asked later, and nothing is erased meanwhile; nor for what may be our address."""
    town.slack.answers["xoxb-north"] = ConnectFailed("slack", "away")
    town.slack.answers["xoxb-south"] = SlackApiError("auth.test", "invalid_auth")
    town.installing.ask_all()
    await nursery.start(town.installing.run)
    await trio.sleep(HOUR_S)
    asked = len(town.slack.asked)
    town.slack.answers["xoxb-north"] = DEAD
    del town.slack.answers["xoxb-south"]
    await trio.sleep(HOUR_S)

    assert 10 < asked < 40
    assert [SOUTH.key] == [each.key for each in town.installations]


@pytest.mark.parametrize(("expected", "away_s"), [(0, ABSENT_S - 1), (2, ABSENT_S + 1)])
async def test_after_a_long_time_without_slack_everybody_is_asked_about(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery, expected: int, away_s: float
) -> None:
    """Slack may have told of an uninstall while there was no connection."""
    await nursery.start(town.installing.run)
    began = trio.current_time()
    await trio.sleep(away_s)
    town.installing.missed(Gap(began, GapReason.NONE_OPEN))
    await trio.sleep(1)

    assert expected == len(town.slack.asked)


# The disk.


@pytest.mark.parametrize("dies", [False, True])
async def test_a_full_disk_forgets_later(
    autojump_clock: MockClock, town: Town, nursery: trio.Nursery, dies: bool, log: LogCapture
) -> None:
    """A disk that takes nothing keeps the token, which nobody uses any more; it is erased when it can be."""
    town.slack.answers["xoxb-north"] = DEAD
    await nursery.start(town.installing.run)
    town.store.problem = StoreUnwritable(Path("installations"), "the disk is full")
    if dies:
        await town.installing.mark_dead(NORTH.key, cause="account_inactive")
    else:
        await town.installing.remove(NORTH.key, cause="app_uninstalled", happened_at=town.world.wall())
    await trio.sleep(300)
    assert town.installations.get(NORTH.key) is None
    assert town.installing.statistics().unwritten == 1
    assert "store.unwritable" in [entry["event"] for entry in log.entries if entry["log_level"] == "error"]
    town.store.problem = None
    await trio.sleep(300)

    assert "xoxb-north" not in town.store.text
    assert dies is ("-/T0NORTH001" in town.store.kept)
    assert town.installing.statistics().unwritten == 0


async def test_what_came_back_is_not_erased_later(autojump_clock: MockClock, town: Town, nursery: trio.Nursery) -> None:
    """A removal that the disk had not taken does not take away what was installed since."""
    await nursery.start(town.installing.run)
    town.store.problem = StoreUnwritable(Path("installations"), "the disk is full")
    await town.installing.remove(NORTH.key, cause="operator")
    town.store.problem = None
    await town.installing.install(town.new())
    await trio.sleep(300)

    assert "xoxb-north-2" == town.store.kept["-/T0NORTH001"].bot_token.reveal()


async def test_a_broken_store_ends_the_daemon(autojump_clock: MockClock, town: Town) -> None:
    """After a sync that failed nobody knows what is on disk: it is not passed over."""
    town.store.problem = StoreBroken(Path("installations"), "a sync failed")
    with pytest.raises(StoreBroken):
        await town.installing.remove(NORTH.key, cause="operator")
