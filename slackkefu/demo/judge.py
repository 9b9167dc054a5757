"""
The judge: what became of every message, from what both ends say.

The two fakes wrote down what was sent and what arrived; nothing is asked of the daemon between them. A message is known
by its text, so each text may be sent once only. Order is judged within a lane, one visitor's messages in one direction,
and among those that the daemon got at the first try: what its source had to repeat was not in its hands together with
the others, and is late, not out of order.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slackkefu.demo.desk import Desk
    from slackkefu.demo.slack import FakeSlack

__all__ = ["Lane", "Verdict", "judge", "judge_town"]

_LATE: Final = re.compile(r"\A\[补发 Late · [^\]\n]*\]\n")
"""The line before words that come late."""


@final
@dataclass(frozen=True, slots=True)
class Lane:
    """One visitor's messages in one direction."""

    name: str
    sent: Sequence[str]
    """In order."""
    arrived: Sequence[str]
    """In order."""
    repeated: frozenset[str] = frozenset()
    """Of those sent, what its source had to send more than once."""


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the messages of all lanes; each entry names lane and text."""

    sent: int
    arrived: int
    lost: tuple[tuple[str, str], ...]
    doubled: tuple[tuple[str, str], ...]
    reordered: tuple[tuple[str, str], ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything arrived once, and in order."""
        return not (self.lost or self.doubled or self.reordered)

    def __str__(self) -> str:
        return (
            f"sent {self.sent}, arrived {self.arrived}, lost {len(self.lost)}, "
            f"doubled {len(self.doubled)}, reordered {len(self.reordered)}"
        )


def judge(lanes: Iterable[Lane]) -> Verdict:
    """
    Judge *lanes*.

    Raises:
        ValueError: A text was sent twice in one lane, so nobody could tell.

    """
    sent = arrived = 0
    lost: list[tuple[str, str]] = []
    doubled: list[tuple[str, str]] = []
    reordered: list[tuple[str, str]] = []
    for lane in lanes:
        if len({*lane.sent}) < len(lane.sent):
            raise ValueError(f"a text was sent twice in {lane.name}")
        times = Counter(lane.arrived)
        sent += len(lane.sent)
        arrived += sum(times[text] > 0 for text in lane.sent)
        lost += [(lane.name, text) for text in lane.sent if not times[text]]
        doubled += [(lane.name, text) for text in lane.sent if times[text] > 1]
        reordered += [(lane.name, text) for text in _overtaken(lane)]
    return Verdict(sent, arrived, tuple(lost), tuple(doubled), tuple(reordered))


def _overtaken(lane: Lane) -> Iterable[str]:
    """Yield what arrived first after something that was sent later."""
    place = {text: number for number, text in enumerate(lane.sent) if text not in lane.repeated}
    latest = -1
    for text in dict.fromkeys(lane.arrived):
        if text in place:
            if place[text] < latest:
                yield text
            latest = max(latest, place[text])


def judge_town(slack: FakeSlack, desk: Desk, lanes: Mapping[str, str]) -> Verdict:
    """
    Judge everything that people and agents said.

    Args:
        slack: The Slack.
        desk: The desk.
        lanes: The visitor's name at the desk for each direct message, by the channel's id.

    """
    repeated = frozenset(
        str(parcel.event.get("text")) for parcel in slack.ledger.parcels if parcel.event and len(parcel.attempts) > 1
    )
    posted: dict[str, list[str]] = {}
    for post in slack.ledger.posts:
        posted.setdefault(post.channel.id, []).append(post.shown)
    both = []
    for channel, visitor in lanes.items():
        conversation = desk.conversation(visitor)
        written = [each.shown for each in slack.state.channels[channel].messages if not each.installation]
        heard = [_LATE.sub("", line.text) for line in conversation.heard if line.type == "txt"]
        both.append(Lane(f"to the desk: {visitor}", written, heard, repeated))
        said = [line.text for line in conversation.said if line.kind == "text"]
        both.append(Lane(f"to Slack: {visitor}", said, posted.get(channel, [])))
    return judge(both)
