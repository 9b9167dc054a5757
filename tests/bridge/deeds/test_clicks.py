"""Whatever comes as a click or a modal, nothing fails, and only the visitor's own answer goes to the desk."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.book import Book
from slackkefu.bridge.deeds.act import Act
from slackkefu.bridge.deeds.clicks import Clicks
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered, write_value
from slackkefu.bridge.kefu_to_slack.forms.rating import Ballot, unasked
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.easemob.names import ImUser
from slackkefu.secret import Secret
from slackkefu.slack.envelope import Interaction, parse_envelope
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Parcels, Shelf
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from slackkefu.bridge.deeds.bringing import Bringing
    from slackkefu.bridge.deeds.replying import Replying
    from slackkefu.bridge.sentences import Sentence
    from slackkefu.slack.views import Views

USER = ImUser(MIA)
OFFERED = Offered.of(USER, identity="m-1", kind="menu", session_id="s-1", at=1_760_000_000.0)
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0MIA00001", "team_id": "T0NORTH001"},
    "team": {"id": "T0NORTH001"},
    "channel": {"id": "D0MIA00001"},
    "container": {"message_ts": "1760000000.000100"},
    "message": {"ts": "1760000000.000100", "text": "Choose", "blocks": [{"type": "divider"}]},
    "actions": [
        {
            "type": "button",
            "action_id": "answer:0",
            "block_id": OFFERED.block_id(),
            "text": {"type": "plain_text", "text": "Refunds"},
            "value": write_value(ForDesk(words="Refunds", ext={"msgtype": {"choice": {"menuid": 7}}}), label="Refunds"),
            "action_ts": "1760000009.000001",
        }
    ],
}
MODAL: dict[str, Any] = {
    "type": "view_submission",
    "user": {"id": "U0MIA00001", "team_id": "T0NORTH001"},
    "view": {
        "callback_id": "rate",
        "private_metadata": Ballot(OFFERED.block_id(), unasked("s-1")).view(locale="")["private_metadata"],
        "state": {"values": {"degree": {"rate": {"selected_option": {"value": "1"}}}}},
    },
}


class Counter:
    """What stands around the clicks: takes what is brought, and notes what is said."""

    def __init__(self) -> None:
        self.brought: list[tuple[ImUser, ForDesk]] = []
        self.said: list[Sentence] = []
        self.connection = Parcels()
        self.book = Book([], store=Shelf(), disk=InlineDisk())
        record = VisitorRecord(
            im_user=USER, team="T0NORTH001", user="U0MIA00001", channel="D0MIA00001", open_session="s-1"
        )
        self.book.remember(record)
        self.clicks = Clicks(
            book=self.book,
            bringing=cast("Bringing", self),
            replying=cast("Replying", self),
            views=cast("Views", self),
            wall=virtual_wall(),
        )

    async def bring(self, act: Act, user: ImUser, deed: ForDesk, **_: object) -> bool:
        """Take a deed."""
        await act.acknowledge()
        self.brought.append((user, deed))
        return True

    async def privately(self, _: Act, sentence: Sentence, **__: object) -> None:
        """Note what is said."""
        await trio.lowlevel.checkpoint()
        self.said.append(sentence)

    async def locale(self, _: Act) -> str:
        """Know nobody's."""
        await trio.lowlevel.checkpoint()
        return ""

    async def show_chosen(self, *_: object) -> None:
        """Show nothing."""

    show_over = change = open = update = show_chosen

    async def takes(self, payload: object) -> None:
        """Let an interaction come, to every handler."""
        envelope = parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": payload})
        if isinstance(envelope.payload, Interaction):
            for handle in (*self.clicks.on_click.values(), *self.clicks.on_submit.values()):
                await handle(Act(NORTH, envelope.payload, self.connection.bring(envelope)))


async def test_both_go_to_the_desk() -> None:
    """The click and the modal, as they are, are brought; each once for what it answers."""
    counter = Counter()
    await counter.takes(CLICK)
    await counter.takes(MODAL)

    assert ["Refunds", ""] == [deed.words for _, deed in counter.brought]
    assert {OFFERED.mark} == {deed.answers for _, deed in counter.brought}


@pytest.mark.parametrize("user", [{"id": "U0LEO00001", "team_id": "T0NORTH001"}, {"id": "U0MIA00001", "team_id": "T9"}])
async def test_somebody_else(user: dict[str, str]) -> None:
    """Of another person, or one of the same id elsewhere, nothing goes to the desk."""
    counter = Counter()
    await counter.takes(CLICK | {"user": user})
    await counter.takes(MODAL | {"user": user})

    assert [] == counter.brought


async def test_within_an_organisation_the_person_decides() -> None:
    """In an organisation the same person may be told with another workspace."""
    counter = Counter()
    organisation = {"enterprise": {"id": "E0ORG00001"}, "user": {"id": "U0MIA00001", "team_id": "T0OTHER001"}}
    await counter.takes(CLICK | organisation)

    assert 1 == len(counter.brought)


async def test_a_rating_unasked() -> None:
    """Whoever has had a session can rate it unasked, once; whoever has not cannot."""
    counter = Counter()
    envelope = parse_envelope({"type": "interactive", "envelope_id": "e1", "payload": CLICK})
    assert isinstance(envelope.payload, Interaction)
    act = Act(NORTH, envelope.payload, counter.connection.bring(envelope))

    assert await counter.clicks.ask_rating(act, USER, Secret("trigger"))
    assert not await counter.clicks.ask_rating(act, ImUser("t0north001_u0leo00001_d0leo00001"), Secret("trigger"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from([OFFERED.block_id(), "{}", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands in a value."""
    inner: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner = [each for key, one in value.items() for each in paths(one, (*path, key))]
    elif isinstance(value, list):
        inner = [each for index, one in enumerate(value) for each in paths(one, (*path, index))]
    return [path, *inner] if path else inner


@given(data=st.data(), whole=st.sampled_from([CLICK, MODAL]))
def test_any_damage(data: st.DataObject, whole: dict[str, Any]) -> None:
    """Whatever stands in place of any part, nothing is raised, and nothing goes to the desk for anybody else."""
    payload = copy.deepcopy(whole)
    where = data.draw(st.sampled_from(paths(payload)))
    inner: Any = payload
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = data.draw(JSON)
    counter = Counter()
    trio.run(partial(counter.takes, payload))

    assert {user for user, _ in counter.brought} <= {USER}
