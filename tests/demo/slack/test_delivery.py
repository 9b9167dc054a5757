"""Socket Mode without sockets: each rule of facts/slack.md §1 and §2."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from slackkefu.demo.slack.delivery import CloseLink, Delivery, SendFrame
from slackkefu.demo.slack.faults import LinkFaults
from slackkefu.demo.slack.ledger import AttemptState, Ledger, Parcel, ParcelState
from slackkefu.demo.slack.mint import Mint
from slackkefu.demo.slack.switches import Switches, Timing


class Desk:
    """An engine, and what it said."""

    def __init__(self, *, switches: Switches | None = None, timing: Timing | None = None) -> None:
        self.ledger = Ledger()
        self.faults = LinkFaults()
        self.engine = Delivery(
            app_id="A0SLKFAPP1",
            mint=Mint(wall=lambda: 1_760_000_000.0, chance=Random(7)),
            ledger=self.ledger,
            faults=self.faults,
            switches=switches or Switches(),
            timing=timing or Timing(),
        )

    def heard(self) -> list[tuple[int, dict[str, Any]]]:
        """Return the frames since the last time, with their connections."""
        return [
            (command.link, json.loads(command.text))
            for command in self.engine.commands()
            if isinstance(command, SendFrame)
        ]

    def open(self, now: float = 0.0) -> int:
        """Open a connection and swallow its hello."""
        number = self.engine.open_link(now)
        self.heard()
        return number

    def offer(self, kind: str = "events_api", now: float = 0.0, *, accepts_answer: bool = False) -> Parcel:
        """Offer a payload."""
        parcel = Parcel(kind, {"event_id": "Ev1"}, accepts_answer)
        self.engine.offer(parcel, now)
        return parcel

    def acknowledge(self, link: int, parcel: Parcel, now: float, **more: Any) -> None:
        """Acknowledge the newest delivery."""
        frame = {"envelope_id": parcel.attempts[-1].envelope_id, **more}
        self.engine.receive(link, json.dumps(frame), now)

    @property
    def strays(self) -> list[str]:
        """Why acknowledgements settled nothing."""
        return [stray.reason for stray in self.ledger.strays]


def test_hello_comes_first_and_counts() -> None:
    """A connection is greeted, with the number of all and its time to live."""
    desk = Desk()
    desk.open()
    second = desk.engine.open_link(0.0)

    ((link, hello),) = desk.heard()
    assert second == link
    assert ("hello", 2) == (hello["type"], hello["num_connections"])
    assert 18060 == hello["debug_info"]["approximate_connection_time"]
    assert {"app_id": "A0SLKFAPP1"} == hello["connection_info"]


def test_hello_may_not_say_how_long() -> None:
    """With the switch off the time to live is missing."""
    desk = Desk(switches=Switches(says_connection_time=False))
    desk.engine.open_link(0.0)

    ((_, hello),) = desk.heard()
    assert "approximate_connection_time" not in hello["debug_info"]


def test_the_eleventh_connection_is_turned_away() -> None:
    """Too many connections get disconnect instead of hello, and are closed."""
    desk = Desk()
    for _ in range(10):
        desk.open()
    eleventh = desk.engine.open_link(1.0)

    frame, close = desk.engine.commands()
    assert isinstance(frame, SendFrame)
    told = json.loads(frame.text)
    assert ("disconnect", "too_many_websockets", 10) == (told["type"], told["reason"], told["num_connections"])
    assert CloseLink(eleventh) == close
    assert 10 == len(desk.engine.links)


def test_switching_off_tells_and_closes() -> None:
    """link_disabled goes to every connection, each is closed, and new ones get it instead of hello."""
    desk = Desk()
    first = desk.open()
    desk.engine.disable(5.0)

    frame, close = desk.engine.commands()
    assert isinstance(frame, SendFrame)
    assert "link_disabled" == json.loads(frame.text)["reason"]
    assert CloseLink(first) == close
    desk.engine.open_link(6.0)
    ((_, told),) = desk.heard()
    assert ("disconnect", "link_disabled") == (told["type"], told["reason"])
    assert AttemptState.NOBODY is desk.offer(now=7.0).attempts[0].state


def test_an_acknowledged_event_is_done() -> None:
    """An acknowledgement within three seconds settles the event, and no retry follows."""
    desk = Desk()
    link = desk.open()
    parcel = desk.offer(now=1.0)
    ((_, envelope),) = desk.heard()
    desk.acknowledge(link, parcel, 3.5)
    desk.engine.timeout(1000.0)

    assert (0, "", False) == (
        envelope["retry_attempt"],
        envelope["retry_reason"],
        envelope["accepts_response_payload"],
    )
    assert parcel.acknowledged
    assert 2.5 == parcel.acknowledged_after_s
    assert [] == desk.heard()


def test_an_event_is_tried_four_times_then_given_up() -> None:
    """Retries come nearly at once, after one minute and after five, in new envelopes, with the reason."""
    desk = Desk()
    desk.open()
    parcel = desk.offer(now=0.0)
    desk.heard()
    sent = []
    while desk.engine.next_deadline < 3600:
        now = desk.engine.next_deadline
        desk.engine.timeout(now)
        sent += [(round(now, 1), frame["retry_attempt"], frame["retry_reason"]) for _, frame in desk.heard()]

    assert [(3.1, 1, "timeout"), (66.1, 2, "timeout"), (369.1, 3, "timeout")] == sent
    assert ParcelState.GIVEN_UP is parcel.state
    assert 4 == len({attempt.envelope_id for attempt in parcel.attempts})


def test_delayed_events_go_on_hourly() -> None:
    """With Delayed Events, 24 hourly retries follow the three."""
    desk = Desk(switches=Switches(delayed_events=True))
    parcel = desk.offer(now=0.0)
    while desk.engine.next_deadline < 1e9:
        desk.engine.timeout(desk.engine.next_deadline)

    assert 28 == len(parcel.attempts)
    assert parcel.settled


def test_without_a_connection_a_try_fails_and_the_retry_arrives() -> None:
    """An event of a time without connections comes by its retry once there is one."""
    desk = Desk()
    parcel = desk.offer(now=0.0)
    desk.engine.timeout(0.2)
    link = desk.open(30.0)
    desk.engine.timeout(60.2)

    ((where, envelope),) = desk.heard()
    assert (link, 2) == (where, envelope["retry_attempt"])
    assert [AttemptState.NOBODY, AttemptState.NOBODY, AttemptState.WAITING] == [a.state for a in parcel.attempts]


@pytest.mark.parametrize("kind", ["slash_commands", "interactive"])
def test_commands_and_clicks_are_never_tried_again(kind: str) -> None:
    """A command or click is lost at the first failure."""
    desk = Desk()
    desk.open()
    parcel = desk.offer(kind)
    ((_, envelope),) = desk.heard()
    desk.engine.timeout(3.0)

    assert "retry_attempt" not in envelope
    assert ParcelState.GIVEN_UP is parcel.state


def test_an_answer_comes_with_the_acknowledgement() -> None:
    """Where an answer is taken, the payload of the acknowledgement is kept."""
    desk = Desk()
    link = desk.open()
    parcel = desk.offer("slash_commands", accepts_answer=True)
    desk.acknowledge(link, parcel, 1.0, payload={"text": "hi"})

    assert {"text": "hi"} == parcel.answer
    assert [] == desk.strays


@pytest.mark.parametrize(("payload", "strays"), [({}, []), ({"text": "hi"}, ["an answer where none is taken"])])
def test_an_answer_where_none_is_taken(payload: dict[str, str], strays: list[str]) -> None:
    """An empty answer is passed over, another is noted; the acknowledgement counts either way."""
    desk = Desk()
    link = desk.open()
    parcel = desk.offer()
    desk.acknowledge(link, parcel, 1.0, payload=payload)

    assert parcel.acknowledged
    assert parcel.answer is None
    assert strays == desk.strays


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "{}", '{"envelope_id": 7}', b"\xff"])
def test_what_is_no_acknowledgement_is_noted(text: str | bytes) -> None:
    """Anything else a client sends is noted and does no harm."""
    desk = Desk()
    link = desk.open()
    desk.engine.receive(link, text, 1.0)

    assert ["not an acknowledgement"] == desk.strays


def test_acknowledgements_that_settle_nothing() -> None:
    """Unknown, second and late acknowledgements are noted with their reason."""
    desk = Desk()
    link = desk.open()
    desk.engine.receive(link, json.dumps({"envelope_id": "never-sent"}), 0.0)
    parcel = desk.offer()
    desk.acknowledge(link, parcel, 1.0)
    desk.acknowledge(link, parcel, 1.5)
    late = desk.offer(now=2.0)
    first = late.attempts[0].envelope_id
    desk.engine.timeout(5.0)
    desk.engine.receive(link, json.dumps({"envelope_id": first}), 5.05)

    assert ["an envelope nobody sent", "acknowledged already", "too late"] == desk.strays
    assert not late.acknowledged


def test_a_late_acknowledgement_may_count() -> None:
    """With the switch, a late acknowledgement stops the retries."""
    desk = Desk(switches=Switches(late_acknowledgement_counts=True))
    link = desk.open()
    parcel = desk.offer()
    desk.engine.timeout(3.0)
    desk.acknowledge(link, parcel, 3.05)
    desk.heard()
    desk.engine.timeout(1000.0)

    assert parcel.acknowledged
    assert [] == desk.heard()


def test_a_late_acknowledgement_while_the_retry_is_under_way() -> None:
    """With the switch, an acknowledgement of the first delivery settles the event though a second one is out."""
    desk = Desk(switches=Switches(late_acknowledgement_counts=True), timing=Timing(retries_s=(0.1,)))
    link = desk.open()
    parcel = desk.offer()
    first = parcel.attempts[0].envelope_id
    desk.engine.timeout(3.0)
    desk.engine.timeout(3.1)
    desk.engine.receive(link, json.dumps({"envelope_id": first}), 3.2)
    desk.engine.timeout(1000.0)

    assert parcel.acknowledged
    assert [AttemptState.ACKNOWLEDGED, AttemptState.TIMED_OUT] == [attempt.state for attempt in parcel.attempts]


@pytest.mark.parametrize("accepted", [True, False])
def test_an_acknowledgement_on_another_connection(accepted: bool) -> None:
    """Whether it counts is a switch, for nobody knows (facts/slack.md §1)."""
    desk = Desk(switches=Switches(any_connection_acknowledges=accepted))
    desk.open()
    parcel = desk.offer()
    other = desk.open()
    desk.acknowledge(other, parcel, 1.0)

    assert accepted is parcel.acknowledged
    assert ([] if accepted else ["on another connection"]) == desk.strays


def test_each_payload_goes_to_one_connection() -> None:
    """Payloads are shared among the connections, one each, and every connection gets some."""
    desk = Desk()
    links = {desk.open(), desk.open(), desk.open()}
    for _ in range(60):
        desk.offer()

    went = [link for link, _ in desk.heard()]
    assert 60 == len(went)
    assert links == set(went)


def test_connections_in_turn() -> None:
    """With the switch, the connections get payloads in turn."""
    desk = Desk(switches=Switches(spread="round_robin"))
    links = [desk.open(), desk.open()]
    for _ in range(4):
        desk.offer()

    went = [link for link, _ in desk.heard()]
    assert sorted(links * 2) == sorted(went)
    assert went[:2] == went[2:]


def test_a_connection_is_warned_asked_to_leave_and_closed() -> None:
    """A warning ten seconds before the end, refresh_requested at the end, and the close ten seconds after."""
    desk = Desk(timing=Timing(life_s=100.0))
    link = desk.open()
    said = []
    while desk.engine.next_deadline < 1e9:
        now = desk.engine.next_deadline
        desk.engine.timeout(now)
        said += [
            (now, json.loads(c.text)["reason"] if isinstance(c, SendFrame) else "closed")
            for c in desk.engine.commands()
        ]

    assert [(90.0, "warning"), (100.0, "refresh_requested"), (110.0, "closed")] == said
    assert "its life was over" == desk.ledger.links[0].how
    assert link not in desk.engine.links


def test_a_short_life_and_no_warning() -> None:
    """In a life of ten seconds the warning comes at half of it; with the switch off, not at all."""
    desk = Desk(timing=Timing(life_s=10.0))
    desk.open()
    desk.engine.timeout(5.0)
    assert ["warning"] == [frame["reason"] for _, frame in desk.heard()]

    desk = Desk(timing=Timing(life_s=10.0), switches=Switches(warning_before_refresh=False))
    desk.open()
    desk.engine.timeout(9.0)
    assert [] == desk.heard()


def test_a_refresh_on_demand_is_said_once() -> None:
    """A refresh asks each connection to leave once; until it is closed it still gets payloads."""
    desk = Desk()
    link = desk.open()
    desk.engine.refresh(1.0)
    desk.engine.refresh(2.0)
    assert ["refresh_requested"] == [frame["reason"] for _, frame in desk.heard()]

    desk.offer(now=3.0)
    assert [link] == [where for where, _ in desk.heard()]


def test_a_client_that_leaves_is_forgotten() -> None:
    """A connection that ended gets nothing more, and its timers do nothing."""
    desk = Desk(timing=Timing(life_s=10.0))
    link = desk.open()
    desk.engine.link_ended(link, "closed by the other side with code 1000", clean=True, now=1.0)
    desk.engine.link_ended(link, "again", clean=True, now=2.0)
    desk.engine.timeout(100.0)

    assert [] == desk.engine.commands()
    assert (1.0, "closed by the other side with code 1000") == (
        desk.ledger.links[0].closed_at,
        desk.ledger.links[0].how,
    )


def test_a_ghost_counts_and_gets_its_share() -> None:
    """A connection cut without a close lives on as a ghost, until its time is over."""
    desk = Desk(timing=replace(Timing(), retries_s=()))
    desk.faults.ghost_life_s = 60.0
    ghost = desk.open()
    desk.engine.link_ended(ghost, "reset", clean=False, now=1.0)
    desk.engine.open_link(2.0)
    ((_, hello),) = desk.heard()
    assert 2 == hello["num_connections"]

    for _ in range(20):
        desk.offer(now=3.0)
    assert ghost in {link for link, _ in desk.heard()}
    desk.engine.timeout(61.0)
    assert ghost not in desk.engine.links


def test_a_deaf_connection_gets_its_share_and_loses_it() -> None:
    """Envelopes for a deaf connection are never sent; everything else about it is as before."""
    desk = Desk(switches=Switches(spread="round_robin"))
    deaf, other = desk.open(), desk.open()
    desk.engine.deafen(deaf)
    desk.faults.repeat_envelopes = 1
    parcels = [desk.offer() for _ in range(4)]
    assert {other} == {link for link, _ in desk.heard()}
    assert 2 == sum(parcel.attempts[0].link == deaf for parcel in parcels)

    desk.engine.refresh(1.0)
    assert ["refresh_requested"] * 2 == [frame["reason"] for _, frame in desk.heard()]
    desk.engine.timeout(3.0)
    assert {AttemptState.TIMED_OUT} == {each.state for parcel in parcels for each in parcel.attempts}


def test_lost_acknowledgements_and_doubled_envelopes() -> None:
    """An acknowledgement can get lost, and an envelope can arrive twice, byte for byte."""
    desk = Desk()
    link = desk.open()
    desk.faults.lose_acknowledgements = 1
    desk.faults.repeat_envelopes = 1
    parcel = desk.offer()
    first, second = desk.heard()
    assert first == second
    desk.acknowledge(link, parcel, 1.0)
    assert not parcel.acknowledged
    desk.acknowledge(link, parcel, 1.1)
    assert parcel.acknowledged


def test_a_connection_without_hello() -> None:
    """With the fault, a connection is never greeted and gets nothing."""
    desk = Desk()
    desk.faults.silent_handshakes = 1
    desk.engine.open_link(0.0)
    parcel = desk.offer()

    assert [] == desk.engine.commands()
    assert AttemptState.NOBODY is parcel.attempts[0].state


def test_any_text_can_be_sent() -> None:
    """A test can send what is no envelope."""
    desk = Desk()
    link = desk.open()
    desk.engine.send_raw(link, "{}")

    assert [SendFrame(link, "{}")] == desk.engine.commands()
