"""Names, without waiting."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from slackkefu.secret import Secret
from slackkefu.slack import directory as module
from slackkefu.slack.directory import FAILED_S, FRESH_S, Directory
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.installation import InstallationKey
from slackkefu.slack.profile import Profile
from slackkefu.slack.web import WebClient
from slackkefu.world import World
from tests.net.streams import MemoryNetwork
from tests.slack.test_web import NORTH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MIA, LEO = UserId("U0MIA"), UserId("U0LEO")
SOUTH = replace(NORTH, key=InstallationKey(None, TeamId("T2")), bot_token=Secret("xoxb-south"), team_name="")


class Names(httpx.AsyncBaseTransport):
    """A Slack that knows names, after *delay_s*."""

    def __init__(self) -> None:
        self.delay_s = 0.1
        self.asked: list[tuple[str, str]] = []
        self.failure: httpx.Response | None = None
        self.user: dict[str, Any] = {
            "tz": "Asia/Shanghai",
            "profile": {"display_name": "mia", "email": "m@example.com"},
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one question."""
        method = request.url.path.rsplit("/", 1)[1]
        form = parse_qs(request.content.decode())
        self.asked.append((method, next(iter(form.values()))[0] if form else ""))
        await trio.sleep(self.delay_s)
        if self.failure is not None:
            return self.failure
        things: dict[str, dict[str, Any]] = {
            "users.info": {"user": self.user},
            "conversations.info": {"channel": {"id": "C1", "name": "support"}},
            "chat.getPermalink": {"permalink": "https://north.slack.test/archives/C1/p1"},
            "team.info": {"team": {"id": "T2", "name": "South", "domain": "south"}},
        }
        return httpx.Response(200, json={"ok": True, **things[method]})


@asynccontextmanager
async def directory() -> AsyncIterator[tuple[Directory, Names]]:
    """Run a directory."""
    names = Names()
    web = WebClient(
        world=World(MemoryNetwork(http=names)), api_url="https://slack.test/api/", app_token=Secret("xapp-test")
    )
    one = Directory(web=web)
    async with trio.open_nursery() as nursery:
        await nursery.start(one.run)
        yield one, names
        nursery.cancel_scope.cancel()
    await web.aclose()


async def test_a_name_that_comes_in_time(autojump_clock: trio.abc.Clock) -> None:
    """A quick answer is waited for, and asked for once."""
    async with directory() as (names, slack):
        assert await names.user_name(NORTH, MIA) == "mia"
        assert await names.user_name(NORTH, MIA) == "mia"
        assert await names.user(NORTH, MIA) == Profile("mia", email="m@example.com", timezone="Asia/Shanghai")

        assert slack.asked == [("users.info", "U0MIA")]


async def test_nobody_waits_longer_than_300_ms(autojump_clock: trio.abc.Clock) -> None:
    """A slow answer is gone without; the next message has the name."""
    async with directory() as (names, slack):
        slack.delay_s = 5
        started = trio.current_time()
        assert await names.user_name(NORTH, MIA) is None
        assert trio.current_time() - started == pytest.approx(0.3)
        await trio.sleep(5)

        started = trio.current_time()
        assert await names.user_name(NORTH, MIA) == "mia"
        assert trio.current_time() == started


async def test_one_question_however_many_wait(autojump_clock: trio.abc.Clock) -> None:
    """Fifty who want the same name cost one call."""
    answers: list[str | None] = []
    async with directory() as (names, slack):

        async def want() -> None:
            answers.append(await names.user_name(NORTH, MIA))

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(want)

        assert answers == ["mia"] * 50
        assert len(slack.asked) == 1


async def test_an_events_own_profile_is_good_at_once(autojump_clock: trio.abc.Clock) -> None:
    """The name in an event needs no call before it is used; the rest is asked for in the background."""
    async with directory() as (names, slack):
        slack.delay_s = 5
        names.learn(NORTH, MIA, Profile(real_name="Mia North"))
        started = trio.current_time()
        assert await names.user_name(NORTH, MIA) == "Mia North"
        assert trio.current_time() == started
        await trio.sleep(6)

        assert await names.user(NORTH, MIA) == Profile("mia", email="m@example.com", timezone="Asia/Shanghai")


async def test_an_event_adds_to_what_is_known(autojump_clock: trio.abc.Clock) -> None:
    """A new name in an event replaces the name only; one without a name replaces nothing."""
    async with directory() as (names, slack):
        await names.user(NORTH, MIA)
        names.learn(NORTH, MIA, Profile())
        names.learn(NORTH, MIA, Profile("mia"))
        assert await names.user_name(NORTH, MIA) == "mia"
        names.learn(NORTH, MIA, Profile("mia2"))
        known = await names.user(NORTH, MIA)

        assert known == Profile("mia2", email="m@example.com", timezone="Asia/Shanghai")
        assert len(slack.asked) == 1


async def test_a_foreign_persons_name_is_not_lost(autojump_clock: trio.abc.Clock) -> None:
    """Where users.info tells no name, the one from the event stays (facts/slack.md §13)."""
    async with directory() as (names, slack):
        slack.user = {"is_stranger": True}
        names.learn(NORTH, MIA, Profile(real_name="Eva Partner"))
        await names.user(NORTH, MIA)
        await trio.sleep(1)

        assert await names.user_name(NORTH, MIA) == "Eva Partner"


async def test_trap_20_user_change_refreshes(autojump_clock: trio.abc.Clock) -> None:
    """A user_change event, whose user is an object, replaces what is known; a broken one changes nothing."""
    async with directory() as (names, slack):
        await names.user(NORTH, MIA)
        names.user_changed(NORTH, {"user": {"id": MIA, "profile": {"display_name": "new"}}})
        assert await names.user_name(NORTH, MIA) == "new"
        for broken in ({}, {"user": MIA}, {"user": {"id": 5}}, {"user": {"id": ""}}):
            names.user_changed(NORTH, broken)

        assert await names.user_name(NORTH, MIA) == "new"
        assert len(slack.asked) == 1


async def test_a_language_outlives_a_change_of_the_profile(autojump_clock: trio.abc.Clock) -> None:
    """user_change does not tell it; where it does, it is taken."""
    async with directory() as (names, slack):
        slack.user = {"profile": {"display_name": "mia"}, "locale": "zh-CN"}
        await names.user(NORTH, MIA)
        locales = []
        for changed in ({}, {"locale": "en-US"}):
            names.user_changed(NORTH, {"user": {"id": MIA, "profile": {"display_name": "new"}, **changed}})
            profile = await names.user(NORTH, MIA)
            locales.append(profile and profile.locale)

        assert locales == ["zh-CN", "en-US"]


async def test_an_old_answer_is_given_and_refreshed(autojump_clock: trio.abc.Clock) -> None:
    """After some hours the name is asked for again, and nobody waits for that."""
    async with directory() as (names, slack):
        await names.user(NORTH, MIA)
        await trio.sleep(FRESH_S)
        slack.user = {"profile": {"display_name": "new"}}
        started = trio.current_time()
        assert await names.user_name(NORTH, MIA) == "mia"
        assert trio.current_time() == started
        await trio.sleep(1)

        assert await names.user_name(NORTH, MIA) == "new"


async def test_failures_are_remembered_for_a_while(autojump_clock: trio.abc.Clock) -> None:
    """A name that cannot be had is not asked for with every message; an old one stays good."""
    async with directory() as (names, slack):
        slack.failure = httpx.Response(200, json={"ok": False, "error": "user_not_found"})
        for _ in range(5):
            assert await names.user_name(NORTH, MIA) is None
        assert len(slack.asked) == 1
        assert names.statistics().failed == 1
        await trio.sleep(FAILED_S)
        slack.failure = None
        assert await names.user_name(NORTH, MIA) == "mia"
        slack.failure = httpx.Response(503)
        await trio.sleep(FRESH_S)
        await names.user_name(NORTH, MIA)
        await trio.sleep(1)

        assert await names.user_name(NORTH, MIA) == "mia"


async def test_a_rate_limit_is_remembered_for_as_long_as_it_says(autojump_clock: trio.abc.Clock) -> None:
    """After a 429 longer than a call may take, the name is asked for when it is over."""
    async with directory() as (names, slack):
        slack.failure = httpx.Response(429, headers={"retry-after": "100"})
        await names.user_name(NORTH, MIA)
        slack.failure = None
        await trio.sleep(90)
        assert await names.user_name(NORTH, MIA) is None
        assert len(slack.asked) == 1
        await trio.sleep(15)

        assert await names.user_name(NORTH, MIA) == "mia"


async def test_installations_do_not_share_people(autojump_clock: trio.abc.Clock) -> None:
    """What one installation may see is not shown through another."""
    async with directory() as (names, slack):
        await names.user_name(NORTH, MIA)
        await names.user_name(SOUTH, MIA)

        assert len(slack.asked) == 2


async def test_channels_and_workspaces(autojump_clock: trio.abc.Clock) -> None:
    """Channels are asked for; a workspace's own name is mostly known with its installation."""
    async with directory() as (names, slack):
        assert await names.channel_name(NORTH, ChannelId("C1")) == "support"
        assert await names.workspace_name(NORTH) == "North"
        assert await names.workspace_name(NORTH, TeamId("T1")) == "North"
        assert await names.workspace_name(SOUTH) == "South"
        assert await names.workspace_name(NORTH, TeamId("T2")) == "South"

        assert slack.asked == [("conversations.info", "C1"), ("team.info", ""), ("team.info", "T2")]
        assert names.statistics().known == 3


async def test_what_is_kept_is_bounded(autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unused go first."""
    monkeypatch.setattr(module, "MAX_KNOWN", 2)
    async with directory() as (names, slack):
        for user in (MIA, LEO, MIA, UserId("U3"), MIA):
            await names.user_name(NORTH, user)

        assert [user for _, user in slack.asked] == [MIA, LEO, "U3"]
        assert names.statistics().known == 2


async def test_questions_under_way_are_bounded(autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many at once are not queued: the name is unknown for now, at once."""
    monkeypatch.setattr(module, "MAX_ASKING", 2)
    async with directory() as (names, slack), trio.open_nursery() as nursery:
        slack.delay_s = 1
        for user in (MIA, LEO):
            nursery.start_soon(names.user_name, NORTH, user)
        await wait_all_tasks_blocked()
        started = trio.current_time()

        assert await names.user_name(NORTH, UserId("U3")) is None
        assert trio.current_time() == started
        assert names.statistics().asking == 2


async def test_without_its_task_only_what_is_known_is_given() -> None:
    """A directory that does not run asks nothing and still answers."""
    names = Directory(
        web=WebClient(world=World(MemoryNetwork(http=Names())), api_url="https://slack.test/", app_token=Secret("x"))
    )
    assert await names.user_name(NORTH, MIA) is None
    names.learn(NORTH, MIA, Profile("mia"))

    assert await names.user_name(NORTH, MIA) == "mia"


async def test_no_names_are_logged(autojump_clock: trio.abc.Clock, log: Any) -> None:
    """A failure is logged by kind and code."""
    async with directory() as (names, slack):
        names.learn(NORTH, MIA, Profile("mia"))
        slack.failure = httpx.Response(200, json={"ok": False, "error": "user_not_found"})
        await names.user(NORTH, MIA)
        await trio.sleep(1)

    (entry,) = log.entries
    assert (entry["event"], entry["kind"]) == ("directory.failed", "user")
    assert "mia" not in repr(entry)


async def test_a_permalink_is_asked_for_ahead(autojump_clock: trio.abc.Clock) -> None:
    """Who does not wait has it asked for; whoever comes later has it at once, and it is asked for once."""
    async with directory() as (names, slack):
        where = (NORTH, ChannelId("C1"), Ts("1760000000.000001"))
        assert await names.permalink(*where, patience_s=0.0) is None
        await trio.sleep(1)
        started = trio.current_time()

        assert await names.permalink(*where) == "https://north.slack.test/archives/C1/p1"
        assert trio.current_time() == started
        assert [method for method, _ in slack.asked] == ["chat.getPermalink"]


async def test_a_message_without_a_permalink(autojump_clock: trio.abc.Clock) -> None:
    """A refusal is no address."""
    async with directory() as (names, slack):
        slack.failure = httpx.Response(200, json={"ok": False, "error": "message_not_found"})

        assert await names.permalink(NORTH, ChannelId("C1"), Ts("1.1")) is None


async def test_without_a_token_only_what_is_known(autojump_clock: trio.abc.Clock) -> None:
    """Where the app has left nobody is asked, and what was known before is good enough for what is on its way."""
    async with directory() as (names, slack):
        await names.user_name(NORTH, MIA)
        gone = replace(NORTH, bot_token=Secret(""), needs_reinstall="account_inactive")
        asked = [*slack.asked]

        assert "mia" == await names.user_name(gone, MIA)
        assert await names.user_name(gone, UserId("U0LEO")) is None
        assert await names.channel_name(gone, ChannelId("C0SUPPORT")) is None
        assert asked == slack.asked
