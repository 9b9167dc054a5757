"""Bot tokens that expire are replaced in time; a dead one is told of once (facts/slack.md §12)."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.demo.slack import Drop, Hang, Refusal, Status, Switches, Timing
from slackkefu.errors import ConnectFailed, SlackApiError, SlackTokenPending
from slackkefu.secret import Secret
from slackkefu.slack.recovery import Retry, after
from slackkefu.slack.rotation import AT_ONCE, DOUBT_S, FINISH_S
from slackkefu.slack.web import OAuthClient
from slackkefu.store.files import OPERATING_SYSTEM
from tests.slack.rotating import HOUR_S, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from structlog.testing import LogCapture

    from tests.slack.rotating import Place, Run

OAUTH = "oauth.v2.access"
NORTH = "-/T0NORTH001"

NO_GRACE = Timing(refresh_grace_s=-1.0)


def events(log: LogCapture, name: str) -> list[str]:
    """Return the log levels of the lines of that name."""
    return [entry["log_level"] for entry in log.entries if entry["event"] == name]


async def lives_on(run: Run, *, hours: int) -> None:
    """Let time pass, with a call in every hour."""
    for _ in range(hours):
        await trio.sleep(HOUR_S)

        assert await run.works()


# In time.


async def test_days_go_by(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Every call works, with few refreshes: each in the second half of a life, so that two tokens are good at most."""
    async with place(tmp_path) as here, here.run() as run:
        await lives_on(run, hours=24 * 7)
        assert (0, 0, 0) == (run.rotation.statistics().failed, run.rotation.statistics().repeated, len(run.dead))

    lives = [later - earlier for earlier, later in pairwise([0.0, *here.refreshes()])]
    assert 24 * 7 / 9 <= len(lives) + 1 <= 24 * 7 / 6 + 1
    assert all(6 * HOUR_S <= life <= 9 * HOUR_S for life in lives)


async def test_many_are_not_replaced_at_once(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Those that were installed together are spread over hours."""
    async with place(tmp_path, teams=60) as here, here.run() as run:
        await trio.sleep(12 * HOUR_S)
        statistics = run.rotation.statistics()

    by_minute = [int(at // 60) for at in here.refreshes()]
    assert (60, 0) == (statistics.rotating, statistics.failed)
    assert 60 <= statistics.refreshed
    assert 4 >= max(by_minute.count(minute) for minute in by_minute)


async def test_many_that_have_expired(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """After a long stop all are replaced soon, a few at a time, within Slack's 600 a minute (facts/slack.md §10)."""
    async with place(tmp_path, teams=200) as here:
        await trio.sleep(24 * HOUR_S)
        began = trio.current_time()
        here.slack.faults.web.latency_s = 0.5
        async with here.run() as run:
            await trio.sleep(120)
            assert 200 == run.rotation.statistics().refreshed

    times = [at - began for at in here.refreshes()]
    assert 200 == len(times)
    assert AT_ONCE >= max(sum(at - 0.5 < other <= at for other in times) for at in times)
    assert 60 >= times[-1]


async def test_an_old_installation_in_a_lane(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A token that was replaced days ago stands for its successor."""
    async with place(tmp_path) as here, here.run() as run:
        lies = run.north.bot_token
        await trio.sleep(48 * HOUR_S)

        assert lies != run.north.bot_token
        assert await run.works(lies)
        assert run.north.bot_token.reveal() == here.sent[-1][1]


async def test_a_restart_after_days(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A token that has expired meanwhile is replaced at once, before the first call."""
    async with place(tmp_path) as here:
        await trio.sleep(48 * HOUR_S)
        async with here.run() as run:
            assert await run.works()
        async with here.run() as run:
            assert await run.works()

    assert 1 == len(here.refreshes())


async def test_one_refresh_for_all_who_wait(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A hundred calls with an expired token cost one refresh."""
    async with place(tmp_path) as here, here.run() as run:
        here.slack.faults.web.next(OAUTH, Status(), times=1000)
        await trio.sleep(12 * HOUR_S)
        here.slack.faults.web.clear()
        here.slack.faults.web.latency_s = 1.0
        await trio.sleep(400)
        before = len(here.refreshes())
        here.wall.step(30 * HOUR_S)
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(run.works, run.north.bot_token)

        assert before + 1 == len(here.refreshes())


async def test_a_token_that_lives_for_minutes(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Whatever life Slack gives, refreshes follow it, and not each other."""
    async with place(tmp_path, timing=Timing(token_s=1200.0)) as here, here.run() as run:
        for _ in range(100):
            await trio.sleep(100)

            assert await run.works()

    assert 10_000 / 600 + 2 >= len(here.refreshes())


async def test_tokens_that_do_not_expire_are_left_alone(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """An app without rotation is never asked for anything."""
    async with place(tmp_path, teams=0) as here:
        here.slack.state.rotates = False
        here.install()
        async with here.run() as run:
            await lives_on(run, hours=48)
            assert 0 == run.rotation.statistics().rotating

    assert not here.refreshes()


# A calendar that is wrong.


@pytest.mark.parametrize("hours", [-1000.0, -20.0, 20.0, 1000.0])
async def test_a_calendar_that_jumps(tmp_path: Path, autojump_clock: trio.abc.Clock, hours: float) -> None:
    """No call fails, and Slack is not asked for token after token."""
    async with place(tmp_path) as here, here.run() as run:
        await lives_on(run, hours=2)
        here.wall.step(hours * HOUR_S)
        await lives_on(run, hours=48)

    assert 48 / 6 + 2 >= len(here.refreshes())


async def test_a_calendar_that_is_behind_at_the_start(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Slack says that the token has expired: it is replaced, and the same call made again."""
    async with place(tmp_path) as here:
        await trio.sleep(13 * HOUR_S)
        here.wall.step(-13 * HOUR_S)
        async with here.run() as run:
            assert await run.works()
            assert 1 == run.rotation.statistics().repeated
            await lives_on(run, hours=24)


# What goes wrong.


@pytest.mark.parametrize("fault", [Drop(), Hang(carried_out=True), Status(500, carried_out=True), Status(503)])
@pytest.mark.parametrize("gives", ["same", "another"])
async def test_a_lost_answer(
    tmp_path: Path, autojump_clock: trio.abc.Clock, fault: Drop | Hang | Status, gives: str
) -> None:
    """The old refresh token is tried again soon; no call fails."""
    switches = Switches(grace_gives=gives)  # type: ignore[arg-type]  # one of its two
    async with place(tmp_path, switches=switches) as here, here.run() as run:
        for _ in range(6):
            here.slack.faults.web.next(OAUTH, fault)
            await lives_on(run, hours=9)

        assert not run.dead
        assert 0 < run.rotation.statistics().failed


async def test_a_refresh_token_that_is_lost(tmp_path: Path, autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """It is served until its token dies, is told of at once, and reported then, though nobody calls."""
    async with place(tmp_path, timing=NO_GRACE) as here, here.run() as run:
        here.slack.faults.web.next(OAUTH, Drop())
        await lives_on(run, hours=9)

        assert ["error"] == events(log, "slack.token_lost")
        assert 1 == run.rotation.statistics().ending
        await trio.sleep(3 * HOUR_S - 60)
        assert not run.dead
        assert await run.works()
        await trio.sleep(120)
        assert [(NORTH, "invalid_refresh_token")] == run.dead
        await trio.sleep(24 * HOUR_S)
        assert [(NORTH, "invalid_refresh_token")] == run.dead

    assert 2 == len(here.refreshes())


async def test_a_lost_refresh_token_and_a_calendar_ahead(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A token that our calendar believes dead is used while Slack takes it."""
    async with place(tmp_path, timing=NO_GRACE) as here, here.run() as run:
        here.slack.faults.web.next(OAUTH, Drop())
        here.wall.step(24 * HOUR_S)
        await lives_on(run, hours=11)

        assert not run.dead
        await trio.sleep(2 * HOUR_S)
        assert [(NORTH, "invalid_refresh_token")] == run.dead


async def test_a_reinstall_in_time(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Where the next token was lost, installing again before the present one dies leaves no gap."""
    async with place(tmp_path, timing=NO_GRACE) as here, here.run() as run:
        here.slack.faults.web.next(OAUTH, Drop())
        await lives_on(run, hours=9)
        run.installations.put(here.as_installed(here.install()))
        await lives_on(run, hours=48)

        assert not run.dead
        assert 0 == run.rotation.statistics().ending


@pytest.mark.parametrize(
    "fault", [Status(), Refusal("internal_error"), Refusal("ratelimited"), Drop(carried_out=False)]
)
async def test_slack_is_away_for_hours(
    tmp_path: Path, autojump_clock: trio.abc.Clock, fault: Status | Refusal | Drop
) -> None:
    """Calls work while the token lives, and then are worth a retry; afterwards all is well."""
    async with place(tmp_path) as here, here.run() as run:
        here.slack.faults.web.storm(OAUTH, fault)
        for _ in range(11):
            await trio.sleep(HOUR_S)

            assert await run.works()
        await trio.sleep(2 * HOUR_S)
        with pytest.raises(SlackTokenPending) as refused:
            await run.works()
        assert isinstance(after(refused.value), Retry)
        assert not run.dead
        here.slack.faults.web.clear()
        await trio.sleep(600)
        assert await run.works()
        await lives_on(run, hours=24)

    assert 50 < len(here.refreshes()) < 150


@pytest.mark.parametrize("code", ["invalid_client_id", "bad_client_secret", "never_heard_of"])
async def test_what_an_operator_has_to_mend(
    tmp_path: Path, autojump_clock: trio.abc.Clock, log: LogCapture, code: str
) -> None:
    """It is named, and nobody's death; once it is mended all is well."""
    async with place(tmp_path) as here, here.run() as run:
        here.slack.faults.web.storm(OAUTH, Refusal(code))
        await trio.sleep(13 * HOUR_S)
        with pytest.raises(SlackTokenPending):
            await run.works()

        assert not run.dead
        assert {"error"} == set(events(log, "slack.token_not_refreshed"))
        named = next(entry for entry in log.entries if entry["event"] == "slack.token_not_refreshed")
        assert code in named["problem"]
        here.slack.faults.web.clear()
        await trio.sleep(400)
        assert await run.works()


async def test_no_client_secret(tmp_path: Path, autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """What is missing is named at the start, while there is time; nothing is asked of Slack, nobody is dead."""
    async with place(tmp_path) as here:
        here.client = None
        async with here.run() as run:
            await trio.sleep(1)
            assert ["error"] == events(log, "slack.no_client_secret")
            await trio.sleep(11 * HOUR_S)
            assert await run.works()
            await trio.sleep(2 * HOUR_S)
            assert not run.dead
        here.client = OAuthClient("client-test", Secret("client-secret-test"))
        async with here.run() as run:
            assert await run.works()


async def test_slack_cannot_be_reached(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """Calls say that nothing was sent; when it is back they work."""
    async with place(tmp_path) as here, here.run() as run:
        here.network.hosts["slack.com"].refuse = "no route"
        await trio.sleep(20 * HOUR_S)
        with pytest.raises(ConnectFailed):
            await run.works()
        here.network.hosts.clear()
        await trio.sleep(400)

        assert await run.works()


# The disk.


@contextmanager
def failing(*, at: int) -> Iterator[None]:
    """Let the system call numbered *at*, and all after it, fail for a ``with`` block."""
    count = 0

    def counting(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            nonlocal count
            count += 1
            if count >= at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for name in ("open", "write", "fsync", "replace"):
            patched.setattr(type(OPERATING_SYSTEM), name, staticmethod(counting(getattr(OPERATING_SYSTEM, name))))
        yield


@pytest.mark.parametrize("at", range(1, 8))
async def test_a_disk_that_does_not_take_it(tmp_path: Path, autojump_clock: trio.abc.Clock, at: int) -> None:
    """The old token is used meanwhile, as long as it lives; Slack is asked once; afterwards all is well."""
    async with place(tmp_path) as here, here.run() as run:
        with failing(at=at):
            old = run.north.bot_token
            await lives_on(run, hours=11)
            if old == run.north.bot_token:  # the last few succeed at first
                assert (1, 1) == (run.rotation.statistics().unsaved, len(here.refreshes()))
                await trio.sleep(2 * HOUR_S)
                with pytest.raises(SlackTokenPending):
                    await run.works()
            assert not run.dead
        await trio.sleep(600)
        await lives_on(run, hours=24)
        assert 0 == run.rotation.statistics().unsaved


# Death.


@pytest.mark.parametrize("code", ["account_inactive", "token_revoked"])
async def test_a_dead_token_is_told_of_once(tmp_path: Path, autojump_clock: trio.abc.Clock, code: str) -> None:
    """Whichever call shows it, and however many."""
    async with place(tmp_path, switches=Switches(dead_token_error=code)) as here, here.run() as run:  # type: ignore[arg-type]  # one of its three
        here.slack.state.installations[0].alive = False
        for _ in range(3):
            with pytest.raises(SlackApiError, match=code):
                await run.works()
        await trio.sleep(1)

        assert [(NORTH, code)] == run.dead
        assert 1 == run.rotation.statistics().dead


async def test_invalid_auth_is_not_death(tmp_path: Path, autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """It may be this machine's address: the token is kept, and an operator told now and then."""
    async with place(tmp_path) as here, here.run() as run:
        here.slack.faults.web.storm("auth.test", Refusal("invalid_auth"))
        for _ in range(4):
            await trio.sleep(DOUBT_S / 4)
            with pytest.raises(SlackApiError, match="invalid_auth"):
                await run.works()
        assert 1 == len(events(log, "slack.token_not_accepted"))
        await trio.sleep(DOUBT_S / 4)
        with pytest.raises(SlackApiError, match="invalid_auth"):
            await run.works()
        assert 2 == len(events(log, "slack.token_not_accepted"))
        here.slack.faults.web.clear()

        assert await run.works()
        assert not run.dead


async def test_a_token_of_before_a_reinstall(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A call that was under way with it says nothing about the new one, and is made again with that."""
    async with place(tmp_path) as here, here.run() as run:
        here.slack.faults.web.next("auth.test", Refusal("token_revoked"))
        here.slack.faults.web.latency_s = 5.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.works)
            await trio.sleep(1)
            run.installations.put(here.as_installed(here.install()))

        assert not run.dead
        assert 1 == run.rotation.statistics().repeated
        assert run.north.bot_token.reveal() == here.sent[-1][1]


async def test_a_token_that_expires_and_has_no_successor(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """One that was copied by hand dies after its twelve hours, and is told of."""
    async with place(tmp_path) as here, here.run() as run:
        run.installations.put(replace(run.north, bot_token=Secret("xoxe.x"), refresh_token=None, expires_at=None))
        here.store.tokens.add("xoxe.x")
        here.slack.faults.web.next("auth.test", Refusal("token_expired"))
        with pytest.raises(SlackApiError, match="token_expired"):
            await run.works()
        await trio.sleep(1)

        assert [(NORTH, "token_expired")] == run.dead


async def test_what_it_says_of_other_tokens(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A token that is no installation's is sent as it is, and nobody is reported for it."""
    async with place(tmp_path) as here, here.run() as run:
        here.store.tokens.add("xoxb-unknown")
        with pytest.raises(SlackApiError, match="invalid_auth"):
            await run.works(Secret("xoxb-unknown"))

        assert not run.dead
        assert run.rotation.holder(Secret("xoxb-unknown")) is None


# Two at once, and the end.


async def until_asked(here: Place) -> None:
    """Wait until a refresh is under way; the answer takes a while."""
    here.slack.faults.web.latency_s = 20.0
    asked = trio.Event()
    here.step = asked.set
    await asked.wait()
    await trio.sleep(1)


async def test_a_reinstall_during_a_refresh(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """What was installed meanwhile stays, in memory and on disk; the refresh brings nothing."""
    async with place(tmp_path) as here, here.run() as run:
        await until_asked(here)
        anew = here.as_installed(here.install())
        run.installations.put(anew)
        await trio.sleep(60)
        (bot,), _ = here.store.json.bots()

        assert (anew.bot_token, anew.bot_token) == (run.north.bot_token, Secret(bot.bot_token))
        assert 0 == run.rotation.statistics().refreshed
        here.slack.faults.web.clear()
        here.slack.faults.web.latency_s = 0.0
        await lives_on(run, hours=24)


async def test_a_removal_during_a_refresh(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """An app that was removed meanwhile does not come back by it."""
    async with place(tmp_path) as here, here.run() as run:
        await until_asked(here)
        run.installations.remove(run.north.key)
        here.store.json.delete_bot(enterprise_id=None, team_id="T0NORTH001")
        await trio.sleep(HOUR_S)

        assert not [*run.installations]
        assert ([], []) == here.store.json.bots()


async def test_who_stops_waiting_leaves_the_refresh(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """A call that gives up while a token is fetched costs nothing."""
    async with place(tmp_path) as here:
        await trio.sleep(13 * HOUR_S)
        here.slack.faults.web.latency_s = 5.0
        async with here.run() as run:
            with trio.move_on_after(1):
                await run.works()
            await trio.sleep(10)
            here.slack.faults.web.latency_s = 0.0

            assert await run.works()

    assert 1 == len(here.refreshes())


async def test_a_stop_during_a_refresh(tmp_path: Path, autojump_clock: trio.abc.Clock) -> None:
    """An answer that comes soon is written down; what takes longer is not waited for."""
    async with place(tmp_path, timing=NO_GRACE) as here:
        for latency_s in (FINISH_S - 1, FINISH_S + 60):
            await trio.sleep(13 * HOUR_S)
            here.slack.faults.web.latency_s = latency_s
            async with here.run():
                await trio.sleep(0.5)
                stopped_at = trio.current_time()

            assert FINISH_S + 0.1 >= trio.current_time() - stopped_at
            here.slack.faults.web.latency_s = 0.0
            if latency_s < FINISH_S:
                async with here.run() as run:
                    assert await run.works()


class Crash(BaseException):
    """The process dies."""


@pytest.mark.parametrize("timing", [Timing(), NO_GRACE])
async def test_killed_anywhere(tmp_path: Path, autojump_clock: trio.abc.Clock, timing: Timing) -> None:
    """After a death at any step of a refresh the store is readable, and the next run goes on or says why it cannot."""
    ends = [await end_of(tmp_path / f"{at}", at, timing) for at in range(1, 40)]
    steps = ends.index("never died")

    assert steps > 8  # the request, its answer, and the calls that bring that to the disk
    assert {"never died"} == {*ends[steps:]}
    # Without a second chance at Slack's an answer that is in nobody's hands is lost: from there on until it is on disk.
    lost = [end for end in ends[:steps] if end != "goes on"]
    assert (timing is NO_GRACE) == bool(lost)
    assert {"invalid_refresh_token"} >= {*lost}


async def end_of(root: Path, at: int, timing: Timing) -> str:
    """Return how it ends when the process dies at the step numbered *at* of a refresh."""
    has_died = False
    async with place(root, timing=timing) as here:
        await trio.sleep(9 * HOUR_S)
        with pytest.MonkeyPatch.context() as patched:
            try:
                async with here.run() as run:
                    die_at(patched, here, at)
                    await trio.sleep(60)
            except BaseExceptionGroup as group:
                has_died = bool(group.subgroup(Crash))
        here.step = lambda: None
        async with here.run() as run:
            assert await run.works()
            await trio.sleep(4 * HOUR_S)
            if run.dead:
                return run.dead[0][1]
            await lives_on(run, hours=24)
    return "goes on" if has_died else "never died"


def die_at(patched: pytest.MonkeyPatch, here: Place, at: int) -> None:
    """Let the process die at the step numbered *at*: the request, its answer, or a system call."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == at:
            raise Crash

    def stepping(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            step()
            result = real(*args)
            step()
            return result

        return call

    here.step = step
    for name in ("open", "write", "fsync", "replace"):
        patched.setattr(type(OPERATING_SYSTEM), name, staticmethod(stepping(getattr(OPERATING_SYSTEM, name))))
