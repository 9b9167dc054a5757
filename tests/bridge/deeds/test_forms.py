"""What is written into a form gets to the desk as words of its writer's, and they are told so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.deeds.notes import Quote, note_form, question_form
from slackkefu.bridge.identity import Visitor
from slackkefu.errors import SlackApiError
from slackkefu.slack.ids import ChannelId, TeamId, UserId
from tests.bridge.deeds.counter import DIRECT, Counter, in_channel, in_direct
from tests.bridge.people import MIA, MIA_CHANNEL
from tests.facts import load

if TYPE_CHECKING:
    import trio

PLACE = Visitor(TeamId("T0NORTH001"), UserId("U0MIA00001"), ChannelId("C0SUPPORT1"))
NOTE: Any = note_form(PLACE, locale="en-US")
QUESTION: Any = question_form(Quote("Leo", "it <is> broken", "https://x.example"), locale="en-US")
SAID = {"type": "message", "user": "U0LEO00001", "ts": "1760000000.000100", "text": "<@U0MIA00001>, it is broken"}


async def test_a_note() -> None:
    """It is marked for the desk, and its writer alone is told, where the conversation is."""
    counter = Counter(in_channel())
    await counter.forms.note_written(counter.submission(NOTE, "call me <back>"))

    assert [(MIA_CHANNEL, "[留言 Note] call me <back>")] == counter.brought
    (told,) = counter.web.of("chat.postEphemeral")
    assert ("C0SUPPORT1", "U0MIA00001") == (told["channel"], told["user"])
    assert "Your note is on its way" in str(told["text"])


async def test_a_question() -> None:
    """It goes to the desk with its message, and is shown in the direct messages, where its answer comes."""
    counter = Counter()
    await counter.forms.question_written(counter.submission(QUESTION, "what now?"))

    assert [(MIA, "what now?\n[引用 Quote] Leo: it <is> broken\nhttps://x.example")] == counter.brought
    (shown,) = counter.web.of("chat.postMessage")
    assert DIRECT == shown["channel"]
    assert str(shown["text"]).startswith("what now?\n> Leo: it &lt;is&gt; broken\n> https://x.example\n")


@pytest.mark.parametrize("form", [NOTE, QUESTION])
async def test_what_cannot_be_taken(form: Any) -> None:
    """The form stays open with what was written in it, and says so; nothing is told that is not true."""
    counter = Counter(in_direct())
    counter.is_full = True
    write = counter.forms.note_written if form is NOTE else counter.forms.question_written
    await write(counter.submission(form, "x"))

    (answer,) = counter.connection.answers
    assert {
        "response_action": "errors",
        "errors": {"words": "This cannot be done now. Please try again later."},
    } == answer
    assert ([], []) == (counter.web.of("chat.postMessage"), counter.web.of("chat.postEphemeral"))


@pytest.mark.parametrize("text", ["", "  \n", None, 5])
async def test_nothing_was_written(text: object) -> None:
    """An empty form brings nothing."""
    counter = Counter(in_direct())
    await counter.forms.note_written(counter.submission(NOTE, text))
    await counter.forms.question_written(counter.submission(QUESTION, text))

    assert [] == counter.brought


async def test_no_direct_messages(autojump_clock: trio.testing.MockClock) -> None:
    """Where Slack gives none a question cannot be taken."""
    counter = Counter()
    counter.web.problems["conversations.open"].append(SlackApiError("conversations.open", "user_disabled"))
    await counter.forms.question_written(counter.submission(QUESTION, "x"))

    assert [] == counter.brought
    assert counter.connection.answers[0] is not None


async def test_the_shortcut() -> None:
    """It opens a form that shows the message; another shortcut opens nothing."""
    counter = Counter()
    counter.speaks("en-US", "U0LEO00001", name="Leo")
    message = {"message": SAID, "channel": {"id": "C0SUPPORT1"}}
    await counter.forms.question_wanted(counter.interaction("message_action", **message))
    await counter.forms.question_wanted(counter.interaction("shortcut", **message))

    (form,) = counter.shown.forms
    assert "question:" == form["callback_id"]
    assert "> Leo: @Mia, it is broken" in form["blocks"][0]["text"]["text"]


async def test_a_button_for_a_note() -> None:
    """It is about the conversation of whoever presses it; who has none there gets no form."""
    counter = Counter(in_channel())
    click = {"actions": [{"action_id": "note:0"}]}
    await counter.forms.note_wanted(counter.interaction("block_actions", channel={"id": "C0SUPPORT1"}, **click))
    await counter.forms.note_wanted(counter.interaction("block_actions", channel={"id": "C0OTHER"}, **click))
    await counter.forms.note_wanted(counter.interaction("block_actions", **click))

    assert [NOTE] == counter.shown.forms


async def test_a_form_that_does_not_open() -> None:
    """A trigger that is too old costs the form, and nothing else."""
    counter = Counter()
    counter.shown.problem = SlackApiError("views.open", "expired_trigger_id")
    await counter.forms.question_wanted(counter.interaction("message_action", message=SAID))

    assert [] == counter.shown.forms


SAMPLE = load("slack-samples/21-block-actions.json")["envelope"]["payload"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KINDS = st.sampled_from(["message_action", "view_submission", "block_actions", "shortcut"])


@given(KINDS, st.dictionaries(st.sampled_from([*SAMPLE, "view"]), JSON), st.sets(st.sampled_from(sorted(SAMPLE))))
async def test_any_interaction(kind: str, changes: dict[str, Any], missing: set[str]) -> None:
    """Missing, null or of another type: no handler fails, and nothing but what was written goes to the desk."""
    payload = {name: value for name, value in (SAMPLE | changes).items() if name not in missing} | {"type": kind}
    counter = Counter(in_direct())
    forms = counter.forms
    for handle in (forms.note_wanted, forms.question_wanted, forms.note_written, forms.question_written):
        await handle(counter.act("interactive", payload))
    await counter.homes.pressed(counter.act("interactive", payload))

    assert [] == counter.brought
