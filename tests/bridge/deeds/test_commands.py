"""Every command is answered, privately, in its author's language; and only what is meant for the desk gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.easemob.names import ImUser
from slackkefu.errors import KefuOutcomeUnknown, KefuRefused, KefuUnavailable, SlackApiError, SlackOutcomeUnknown
from slackkefu.kefu.messages import Text
from slackkefu.kefu.speaker import Speaker
from slackkefu.kefu.text import Plain
from slackkefu.slack.envelope import SlashCommand, parse_envelope
from tests.bridge.deeds.counter import NOW, SESSION, Counter, in_channel, in_direct, serving
from tests.bridge.people import MIA, MIA_CHANNEL
from tests.facts import load

if TYPE_CHECKING:
    from slackkefu.store.visitors import VisitorRecord


async def test_help() -> None:
    """It names the command as it was given, for any word that is no wish, and needs no conversation."""
    counter = Counter()

    assert "`/helpdesk human` asks for a human agent" in await counter.command(
        "x", command="/helpdesk", channel="C0ANY"
    )


async def test_the_author_s_language() -> None:
    """Chinese, English, or both where Slack tells nothing."""
    chinese, english, both = [
        await Counter(in_direct(), locale=locale).command("状态") for locale in ("zh-CN", "fr-FR", "")
    ]

    assert f"{chinese}\n{english}" == both
    assert "会话" in chinese


async def test_a_human_is_asked_for() -> None:
    """The wish goes to the desk in the conversation where it was given, and its author is told by the other way."""
    counter = Counter(in_direct(), in_channel())
    told = await counter.command("human", channel="C0SUPPORT1")

    assert [(MIA_CHANNEL, "TransferToKf")] == counter.brought
    assert "" == told
    ((url, answer),) = counter.shown.answers
    assert "https://hooks.slack.com/commands/1" == url
    assert "human agent has been asked for" in str(answer["text"])
    assert "ephemeral" == answer["response_type"]


async def test_a_human_serves_already() -> None:
    """Nothing is sent then: it could only end up with somebody else."""
    counter = Counter(serving(in_direct()))
    counter.attendance.note(ImUser(MIA), Text((Plain("hi"),), by=Speaker("agent", name="Ann")))

    assert "with Ann" in await counter.command("human")
    assert [] == counter.brought


async def test_a_wish_that_cannot_be_taken() -> None:
    """Its author is told to try again."""
    counter = Counter(in_direct())
    counter.is_full = True

    assert "try again later" in await counter.command("human")


@pytest.mark.parametrize("wish", [wish for wish in Wish if wish is not Wish.HELP])
async def test_no_conversation_there(wish: Wish) -> None:
    """In a channel without one nothing is sent and nothing opens; the author reads where to write."""
    counter = Counter(in_direct())

    assert "Write <@U0NORTHBOT> a direct message" in await counter.command(wish, channel="C0OTHER")
    assert ([], [], []) == (counter.brought, counter.shown.forms, counter.rated)


async def test_the_first_thing_in_direct_messages() -> None:
    """A conversation may begin by a wish there."""
    counter = Counter()
    await counter.command("人工")

    assert [(MIA, "TransferToKf")] == counter.brought


async def test_a_rating() -> None:
    """Its form opens, about the conversation where it was wished for."""
    counter = Counter(in_direct(), in_channel())

    assert "" == await counter.command("rate", channel="C0SUPPORT1")
    assert [MIA_CHANNEL] == counter.rated


async def test_a_rating_that_does_not_open() -> None:
    """Its author is told why that may be."""
    counter = Counter(in_direct())
    counter.is_full = True

    assert "nothing that you could rate now" in await counter.command("rate")


@pytest.mark.parametrize(
    ("expected", "stopped", "record", "stops", "problem"),
    [
        ("no open conversation", [], in_direct(), True, None),
        ("Only customer service can end", [], serving(in_direct()), False, None),
        # A session whose id the desk hides.
        ("Only customer service can end", [], in_direct(open_session="", last_active=NOW), True, None),
        ("has been ended", [SESSION], serving(in_direct()), True, None),
        ("Only customer service can end", [SESSION], serving(in_direct()), True, KefuRefused("stop", "FAIL")),
        ("Only customer service can end", [SESSION], serving(in_direct()), True, KefuUnavailable("stop", "404")),
        ("try again later", [SESSION], serving(in_direct()), True, KefuOutcomeUnknown("stop", "cut")),
    ],
)
async def test_an_end(
    expected: str, stopped: list[str], record: VisitorRecord, stops: bool, problem: Exception | None
) -> None:
    """Only the desk's own API ends a session; without it the truth is told, and nothing is sent."""
    counter = Counter(record)
    counter.problem = problem
    counter.commands._granting = counter.grants(stops=stops)

    assert expected in await counter.command("end")
    assert stopped == counter.stopped
    assert [] == counter.brought


async def test_a_note() -> None:
    """Its form opens, and there is nothing more to say."""
    counter = Counter(in_direct())

    assert "" == await counter.command("leave-a-note")
    assert ["note:"] == [form["callback_id"] for form in counter.shown.forms]


async def test_a_form_that_does_not_open() -> None:
    """The author is told to try again."""
    counter = Counter(in_direct())
    counter.shown.problem = SlackApiError("views.open", "expired_trigger_id")

    assert "try again later" in await counter.command("note")


async def test_an_envelope_that_takes_no_answer() -> None:
    """Then the answer goes by its address, and where that fails nothing else suffers."""
    counter = Counter(in_direct())
    await counter.command("status", accepts=False)
    counter.shown.problem = SlackOutcomeUnknown("response_url", "cut")
    await counter.command("status", accepts=False)

    assert 1 == len(counter.shown.answers)


async def test_the_sample() -> None:
    """The command of facts/slack-samples is acknowledged with help: what is typed there is no wish."""
    frame = load("slack-samples/20-slash-command.json")["envelope"]
    counter = Counter()
    act = counter.act("slash_commands", frame["payload"])
    await counter.commands.handle(act)

    (answer,) = counter.connection.answers
    assert answer is not None
    assert "`/helpdesk status`" in str(answer["text"])


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=3000) | st.lists(st.text()) | st.just({"id": "x"})
SAMPLE = load("slack-samples/20-slash-command.json")["envelope"]["payload"]


@given(st.dictionaries(st.sampled_from(sorted(SAMPLE)), JSON), st.sets(st.sampled_from(sorted(SAMPLE))))
async def test_any_command(changes: dict[str, Any], missing: set[str]) -> None:
    """Missing, null, huge or of another type: it is read as malformed, or handled, and never an error."""
    payload = {name: value for name, value in (SAMPLE | changes).items() if name not in missing}
    envelope = parse_envelope({"type": "slash_commands", "envelope_id": "e", "payload": payload})
    if not isinstance(envelope.payload, SlashCommand):
        return
    counter = Counter(in_direct())
    act = counter.act("slash_commands", payload)
    await counter.commands.handle(act)
    await act.acknowledge()

    assert {"e1"} == {*counter.connection.names}
