"""Socket Mode as a whole, against a tiny Slack in virtual time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.errors import SlackSetupError
from tests.slack.bench import bench, settled
from tests.slack.tiny import message

if TYPE_CHECKING:
    from structlog.testing import LogCapture


# Opening.


async def test_it_starts_with_the_first_hello(autojump_clock: trio.abc.Clock) -> None:
    """run() has started when one connection works, and not before."""
    async with bench() as b:
        await b.nursery.start(b.mode.run)

        assert len(b.slack.open) == 1
        assert b.mode.statistics().connections_up == 1
        assert b.mode.statistics().connections_wanted == 2
        assert b.mode.app_id == "A1"
        assert repr(b.mode) == "<SocketMode 1 of 2 connections up>"


async def test_the_others_open_a_minute_apart(autojump_clock: trio.abc.Clock) -> None:
    """The first opens at once, each further one 60 s after the one before."""
    async with bench(3) as b:
        started = trio.current_time()
        await b.nursery.start(b.mode.run)
        await trio.sleep(300)

        assert [at - started for at in b.slack.asked_at] == pytest.approx([0, 60, 120])
        assert len(b.slack.open) == 3


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("invalid_auth", "slack.app_token"),
        ("not_allowed_token_type", "xapp-"),
        ("missing_scope", "connections:write"),
        ("team_disabled", "settings"),
    ],
)
async def test_a_refused_token_at_the_start_is_told(code: str, advice: str, autojump_clock: trio.abc.Clock) -> None:
    """A fatal answer before the first hello ends run() with one line that says what to do."""
    async with bench() as b:
        b.slack.answers = [httpx.Response(200, json={"ok": False, "error": code})]
        with pytest.raises(SlackSetupError, match=code) as caught:
            await b.mode.run()

        assert advice in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(b.slack.asked_at) == 1


async def test_a_wrong_address_at_the_start_is_told(autojump_clock: trio.abc.Clock) -> None:
    """A 404 that is not Slack's names the key that holds the address."""
    async with bench() as b:
        b.slack.answers = [httpx.Response(404, text="nothing here")]
        with pytest.raises(SlackSetupError, match=r"slack\.api_url"):
            await b.mode.run()


async def test_socket_mode_off_at_the_start_is_told(autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """link_disabled instead of the first hello names the switch; when it is on again the daemon works by itself."""
    async with bench(1) as b:
        b.slack.greeting = lambda _: {"type": "disconnect", "reason": "link_disabled"}
        with trio.move_on_after(300):
            await b.nursery.start(b.mode.run)
        lines = [entry for entry in log.entries if entry["event"] == "socketmode.switched_off"]

        assert 1 <= len(lines) <= 5
        assert "switch it on" in lines[0]["advice"]


async def test_an_answer_nobody_knows_may_pass(autojump_clock: trio.abc.Clock) -> None:
    """Only what the facts call fatal is fatal: another code, or a proxy's page, is tried again with pauses."""
    async with bench(1) as b:
        b.slack.answers = [
            httpx.Response(200, json={"ok": False, "error": "never_heard_of"}),
            httpx.Response(403, text="<html>"),
        ]
        with trio.fail_after(60):
            await b.nursery.start(b.mode.run)

        assert 3 == len(b.slack.asked_at)


async def test_network_trouble_at_the_start_is_waited_out(autojump_clock: trio.abc.Clock, log: LogCapture) -> None:
    """Unreachable, 5xx, failed handshakes, no hello: tried again with pauses until it works, and each time anew."""
    async with bench(1) as b:
        b.slack.answers = [
            httpx.ConnectError("no"),
            httpx.Response(503),
            httpx.ReadTimeout("slow"),
            httpx.Response(407),
        ]
        b.slack.statuses = [408, 409]
        mute = iter([True, False])
        hello = b.slack.greeting
        b.slack.greeting = lambda connection: None if next(mute) else hello(connection)
        await b.nursery.start(b.mode.run)

        # Every attempt, also after a failed handshake, asks for an address of its own.
        assert len(b.slack.asked_at) == 8
        assert b.mode.statistics().opens_failed == 7
        assert len(b.slack.open) == 1
        (first, *_) = [entry for entry in log.entries if entry["event"] == "socketmode.open_failed"]
        assert "443" in first["advice"]


async def test_a_plain_address_elsewhere_is_not_dialled(autojump_clock: trio.abc.Clock) -> None:
    """A ws:// address that is not this machine's is refused, whoever gave it."""
    async with bench(1) as b:
        b.slack.answers = [httpx.Response(200, json={"ok": True, "url": "ws://elsewhere.test/?ticket=hush"})]
        await b.nursery.start(b.mode.run)

        assert [host for host, _, _ in b.slack.network.opened] == ["wss.test"]


async def test_a_pause_that_slack_asks_for_is_kept(autojump_clock: trio.abc.Clock) -> None:
    """A 429 on apps.connections.open is obeyed, also one longer than a call may take."""
    async with bench(1) as b:
        b.slack.answers = [httpx.Response(429, headers={"retry-after": "90"})]
        started = trio.current_time()
        await b.nursery.start(b.mode.run)

        assert b.slack.asked_at[-1] - started >= 90
        assert len(b.slack.asked_at) == 2


async def test_trap_9_too_many_websockets_waits_with_growing_pauses(autojump_clock: trio.abc.Clock) -> None:
    """The socket opens every time; only a hello ends the growth of the pauses."""
    async with bench(1) as b:
        hello = b.slack.greeting
        b.slack.greeting = lambda connection: (
            {"type": "disconnect", "reason": "too_many_websockets", "num_connections": 11}
            if len(b.slack.asked_at) < 6
            else hello(connection)
        )
        await b.nursery.start(b.mode.run)

        pauses = [later - at for at, later in pairwise(b.slack.asked_at)]
        assert min(pauses) >= 10
        assert pauses[-1] > 2 * pauses[0]
        assert len(b.slack.open) == 1


async def test_after_the_start_a_refusal_is_loud_and_slow(log: LogCapture, autojump_clock: trio.abc.Clock) -> None:
    """A token revoked later is logged as an error and tried again every ten minutes, for ever."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(100)
        b.slack.answers = [httpx.Response(200, json={"ok": False, "error": "invalid_auth"})] * 3
        lost_at = trio.current_time()
        await b.slack.open[0].websocket.aclose()
        await trio.sleep(3600)

        asked = [at - lost_at for at in b.slack.asked_at if at > lost_at]
        assert [0, 600, 1200, 1800] == pytest.approx(asked, abs=5)
        assert len(b.slack.open) == 1
        errors = [entry for entry in log.entries if entry["event"] == "socketmode.refused"]
        assert len(errors) == 3
        assert "slack.app_token" in errors[0]["advice"]
        assert errors[0]["log_level"] == "error"


async def test_after_the_start_link_disabled_is_loud_and_slow(log: LogCapture, autojump_clock: trio.abc.Clock) -> None:
    """Socket Mode switched off: the connections are closed, the operator is told, and it is tried again slowly."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        await trio.sleep(100)
        b.slack.greeting = lambda _: {"type": "disconnect", "reason": "link_disabled"}
        off_at = trio.current_time()
        await b.slack.open[0].disconnect("link_disabled")
        await settled()
        assert not b.slack.open
        await trio.sleep(7200)

        asked = [at - off_at for at in b.slack.asked_at if at > off_at]
        assert asked[0] >= 60
        assert 5 <= len(asked) <= 25
        assert any(entry["event"] == "socketmode.switched_off" for entry in log.entries)


# Envelopes.


async def test_trap_5_what_is_not_understood_is_acknowledged_at_once(
    log: LogCapture, autojump_clock: trio.abc.Clock
) -> None:
    """Unknown kinds and unreadable payloads are acknowledged without the consumer, and logged once each."""
    async with bench(1) as b:
        await b.nursery.start(b.mode.run)
        (connection,) = b.slack.open
        await connection.send(
            message(1, type="workflow_step"),
            message(2, type="workflow_step"),
            message(3, payload="nonsense"),
            {"type": "news"},
        )
        await connection.websocket.send("{not json")
        await connection.send(message(4))
        await settled()

        assert connection.acknowledged == ["e1", "e2", "e3", "e4"]
        assert b.ids == ["e4"]
        noted = [entry["kind"] for entry in log.entries if entry["event"] == "socketmode.not_understood"]
        assert len(noted) == 4
        assert b.mode.statistics().passed_over == 5


async def test_envelopes_before_hello_are_not_lost(autojump_clock: trio.abc.Clock) -> None:
    """What comes before hello is delivered after it; a bounded number of them."""
    async with bench(1) as b:
        b.slack.greeting = lambda _: None
        b.nursery.start_soon(b.mode.run)
        await settled()
        (connection,) = b.slack.open
        await connection.send(*(message(number) for number in range(150)))
        await connection.send({"type": "hello"})
        await settled()

        assert b.ids == [f"e{number}" for number in range(100)]
        assert len(connection.acknowledged) == 100


# Ending.


async def test_cancelling_closes_in_order(autojump_clock: trio.abc.Clock) -> None:
    """A cancelled run() still sends close frames, so that no ghosts stay behind."""
    async with bench(2) as b:
        async with trio.open_nursery() as nursery:
            await nursery.start(b.mode.run)
            await trio.sleep(61)
            nursery.cancel_scope.cancel()
        await settled()

        assert ["closed by the other side with code 1000"] * 2 == [one.reason for one in b.slack.connections]
        assert b.mode.statistics().connections_up == 0


async def test_draining_while_opening_ends_at_once(autojump_clock: trio.abc.Clock) -> None:
    """An attempt under way is given up."""
    async with bench(1) as b:
        b.slack.greeting = lambda _: None
        b.nursery.start_soon(b.mode.run)
        await settled()
        started = trio.current_time()
        await b.mode.drain()
        await settled()

        assert trio.current_time() - started < 2
        assert not b.slack.open


async def test_nothing_secret_is_logged(log: LogCapture, autojump_clock: trio.abc.Clock) -> None:
    """No log line has a ticket, a token or words."""
    async with bench(2) as b:
        b.slack.statuses = [409]
        b.slack.answers = [httpx.ReadTimeout("slow")]
        await b.nursery.start(b.mode.run)
        await trio.sleep(70)
        await b.slack.open[0].send(message(1), message(2, payload="private words"))
        await b.slack.open[0].disconnect("refresh_requested")
        await trio.sleep(100)
        await b.mode.drain()

    shown = repr(log.entries)
    assert len(log.entries) > 5
    for secret in ("hush", "xapp-test", "private words"):
        assert secret not in shown
