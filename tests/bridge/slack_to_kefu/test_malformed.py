"""Slack's samples with something missing, of another type, huge or in another case: never a fault, never nothing."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.bridge.slack_to_kefu.routing import Change, Forward, route
from slackkefu.bridge.slack_to_kefu.spilled import restore, write
from slackkefu.bridge.slack_to_kefu.to_kefu import parts
from slackkefu.easemob.message import TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.outgoing import VisitorCard
from slackkefu.kefu.text import is_blank
from slackkefu.slack.envelope import EventCallback, parse_envelope
from tests.bridge.slack_to_kefu.test_routing import SAMPLES, installations
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAMES = [
    frame
    for name in SAMPLES
    for frame in load(f"slack-samples/{name}.json").get("envelopes")
    or [load(f"slack-samples/{name}.json").get("envelope")]
    if frame is not None and frame.get("type") == "events_api"
]

GONE = object()

CHANGES = st.sampled_from([GONE, None, "", 0, 1.5, True, [], {}, [None], {"type": "text"}, "x" * 5000, "🎉" * 2000])


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*path, name)
        yield from paths(each, (*path, name))


@st.composite
def malformed(draw: st.DrawFn) -> Any:
    """Draw a sample in which a few things are not as they should be."""
    frame = copy.deepcopy(draw(st.sampled_from(FRAMES)))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([*paths(frame["payload"])]))
        place = frame["payload"]
        for name in way:
            place = place[name]
        change = draw(CHANGES | st.sampled_from(["upper", "lower"]))
        if change is GONE:
            del place[last]
        elif change in ("upper", "lower"):
            place[last] = getattr(str(place[last]), str(change))()
        else:
            place[last] = copy.deepcopy(change)
    return frame


@given(malformed())
def test_whatever_slack_may_send(frame: Any) -> None:
    """It is routed; what is for the desk is said, comes back from the disk as it was, and has no empty part."""
    known = installations()
    envelope = parse_envelope(frame)
    decision = route(envelope, installations=known, channels="all", listens=lambda *_: False)
    forward = decision.correction if isinstance(decision, Change) else decision
    if not isinstance(forward, Forward):
        return
    payload = envelope.payload
    assert isinstance(payload, EventCallback)
    again = restore(write(forward, payload), known)
    assert again is not None
    made, remade = (
        parts(
            each,
            card=VisitorCard(user_id=each.visitor.user),
            language=None,
            names=Naming(),
            service_number=ImUser("kefu_service"),
        )
        for each in (forward, again)
    )

    assert made == remade
    assert made or not forward.revision
    for part in made:
        assert isinstance(part.body, TextBody)
        assert not is_blank(part.body.text)
        assert len(part.body.text.encode()) <= 2000
