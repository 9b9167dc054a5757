"""Every deed goes to what carries it out, and is acknowledged in time unless it was not done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.bridge.deeds.deeds import MOST, Deeds, Handlers
from slackkefu.bridge.slack_to_kefu.routing import Deed, route
from slackkefu.errors import SlackApiError, StoreBroken
from slackkefu.slack.envelope import Envelope, parse_envelope
from slackkefu.slack.installation import Installations
from tests.bridge.people import NORTH, Parcels

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.bridge.deeds.act import Act

TEAM = {"team": {"id": "T0NORTH001"}, "user": {"id": "U0MIA00001", "team_id": "T0NORTH001"}}


def click(action_id: str = "menu:1") -> Envelope:
    """Make the envelope of a click."""
    return interactive(type="block_actions", actions=[{"action_id": action_id}])


def interactive(**payload: Any) -> Envelope:
    """Make the envelope of an interaction."""
    return parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": TEAM | payload})


def command() -> Envelope:
    """Make the envelope of a command."""
    payload = {"command": "/kefu", "team_id": "T0NORTH001"}
    return parse_envelope({"type": "slash_commands", "envelope_id": "e1", "payload": payload})


def home() -> Envelope:
    """Make the envelope of an opened home tab."""
    event = {"type": "app_home_opened", "user": "U0MIA00001"}
    authorization = {"team_id": "T0NORTH001", "user_id": "U0NORTHBOT", "is_bot": True}
    payload = {"team_id": "T0NORTH001", "authorizations": [authorization], "event": event}
    return parse_envelope({"type": "events_api", "envelope_id": "e1", "payload": payload})


class Bench:
    """Handlers that note what they are given, and take as long as they are told."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.takes_s = 0.0
        self.envelopes = 0
        self.problem: Exception | None = None
        self.hands_over = False
        self.connection = Parcels()
        self.deeds = Deeds(
            Handlers(
                on_click={"menu": self._note("click")},
                on_submit={"rating": self._note("submit")},
                on_command=self._note("command"),
                on_shortcut=self._note("shortcut"),
                on_home=self._note("home"),
            )
        )

    def _note(self, name: str) -> Any:
        async def handle(act: Act) -> None:
            if self.hands_over:
                act.hand_over()
            await trio.sleep(self.takes_s)
            if self.problem is not None:
                raise self.problem
            self.done.append(name)

        return handle

    async def takes(self, envelope: Envelope, *, number: int | None = None) -> None:
        """Let a deed arrive, in an envelope of its own or in that of this *number*."""
        self.envelopes += number is None
        envelope = replace(envelope, envelope_id=f"e{number or self.envelopes}")
        decision = route(
            envelope, installations=Installations([NORTH]), channels="all", listens=lambda _user, _thread, _ts: False
        )
        assert isinstance(decision, Deed), decision
        await self.deeds.take(decision.installation, decision.doing, self.connection.bring(envelope))


@pytest.fixture
async def bench(nursery: trio.Nursery) -> Bench:
    """Give a bench whose deeds are carried out."""
    bench = Bench()
    await nursery.start(bench.deeds.run)
    return bench


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (click(), ["click"]),
        (interactive(type="view_submission", view={"callback_id": "rating:1"}), ["submit"]),
        (interactive(type="shortcut"), ["shortcut"]),
        (interactive(type="message_action"), ["shortcut"]),
        (command(), ["command"]),
        (home(), ["home"]),
        (click("other:1"), []),
        (interactive(type="block_actions", actions=[]), []),
        (interactive(type="view_submission"), []),
        (interactive(type="view_closed", view={"callback_id": "rating"}), []),
        (interactive(type="novel"), []),
    ],
)
async def test_each_kind_has_its_handler(
    bench: Bench, autojump_clock: trio.testing.MockClock, envelope: Envelope, expected: list[str]
) -> None:
    """Every kind of deed is carried out by its own handler, and acknowledged; what is nobody's is only that."""
    await bench.takes(envelope)
    await trio.sleep(1)

    assert expected == bench.done
    assert ["e1"] == bench.connection.names


async def test_one_that_takes_long(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A deed that is not done in time is acknowledged before Slack shows an error, and goes on."""
    bench.takes_s = 20.0
    await bench.takes(click())
    await trio.sleep(3)
    acknowledged = [*bench.connection.acknowledged]
    await trio.sleep(20)

    assert [("e1", 2.2)] == acknowledged
    assert ["click"] == bench.done


async def test_one_that_never_ends(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """A deed that does not end is given up after a minute."""
    bench.takes_s = 1e6
    await bench.takes(click())
    await trio.sleep(61)

    assert 1 == bench.deeds.statistics().failed


async def test_one_that_was_handed_over(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """What was handed over is acknowledged by whoever answers for it, never here."""
    bench.hands_over = True
    bench.takes_s = 10.0
    await bench.takes(click())
    await trio.sleep(11)

    assert ["click"] == bench.done
    assert [] == bench.connection.names


@pytest.mark.parametrize("problem", [ValueError("ours"), SlackApiError("views.open", "expired_trigger_id")])
async def test_one_that_fails(bench: Bench, autojump_clock: trio.testing.MockClock, problem: Exception) -> None:
    """A deed that was not done is not acknowledged, so that Slack says so; the next one is carried out."""
    bench.problem = problem
    await bench.takes(click())
    await trio.sleep(1)
    bench.problem = None
    await bench.takes(command())
    await trio.sleep(1)

    assert ["command"] == bench.done
    assert (1, 1) == (bench.deeds.statistics().failed, len(bench.connection.names))


async def test_a_broken_store_ends_everything(autojump_clock: trio.testing.MockClock, tmp_path: Path) -> None:
    """After a failed sync nobody goes on."""
    bench = Bench()
    bench.problem = StoreBroken(tmp_path, "sync failed")

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.deeds.run)
            await bench.takes(click())

    with pytest.raises(BaseExceptionGroup) as caught:
        await run()

    assert caught.group_contains(StoreBroken, depth=None)


async def test_too_many_at_once(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """What there is no room for is not acknowledged."""
    bench.takes_s = 1.0
    for _ in range(MOST + 1):
        await bench.takes(click())
    await trio.sleep(2)

    assert (MOST, 1) == (len(bench.done), bench.deeds.statistics().refused)
    assert MOST == len(bench.connection.names)


async def test_before_it_runs(autojump_clock: trio.testing.MockClock) -> None:
    """Before anything is carried out nothing is acknowledged."""
    bench = Bench()
    await bench.takes(click())

    assert (1, []) == (bench.deeds.statistics().refused, bench.connection.names)


async def test_the_very_same_frame_twice(bench: Bench, autojump_clock: trio.testing.MockClock) -> None:
    """It is done once; another one like it is another deed."""
    for number in (1, 1, 2):
        await bench.takes(click(), number=number)
    await trio.sleep(1)

    assert ["click", "click"] == bench.done
    assert ["e1", "e2"] == sorted(bench.connection.names)
