"""What the journals say of a person who is forgotten, and of everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.bridge.forgetting.blotting import Person, blot_kefu, blot_slack
from slackkefu.bridge.slack_to_kefu.custody import MessageKey, hashes_of
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.entries import Answered, Awaiting, Blotted, Concluded, Intent, Read, Settled, Told, Untold
from tests.bridge.stores import DIRECT, LEO, LEOS, MIA, MIAS, TEAM

if TYPE_CHECKING:
    from slackkefu.store.entries import KefuEntry, SlackEntry

PERSON = Person.of(TEAM, MIA, MIAS)
PLACE = {"team_id": TEAM, "channel": "C0SUPPORT1", "ts": "1.1"}
HERS = {**PLACE, "channel": DIRECT[MIA]}


def test_who_is_meant() -> None:
    """A person is all their visitors, and direct messages are theirs alone; channels are not."""
    assert all(map(PERSON.is_im_user, MIAS))
    assert not any(map(PERSON.is_im_user, (*LEOS, "t0north001_u0mia000012_d0mia00001")))
    assert {DIRECT[MIA], "D0MOVED001"} == Person.of(TEAM, MIA, MIAS, channels=["D0MOVED001"]).conversations


@pytest.mark.parametrize(
    "entry",
    [
        Untold(**PLACE, user=MIA, certainty="surely", reason="refused", at=1.0),
        Awaiting(team_id=TEAM, channel="C0SUPPORT1", ts="1.1", im_user=MIAS[1], user=MIA, marks={}, at=1.0),
        Told(**HERS, outcome="told", at=1.0),
        Concluded(**HERS, outcome="confirmed", at=1.0),
        Read(team_id=TEAM, channel=DIRECT[MIA], through=1.0, at=1.0),
    ],
)
def test_what_goes(entry: SlackEntry) -> None:
    """Nobody is told of anything any more, and nothing is proved."""
    assert blot_slack(entry, PERSON) is None


@pytest.mark.parametrize("place", [PLACE, HERS])
def test_what_is_blotted(place: dict[str, str]) -> None:
    """That a message has ended is known still, by a hash, with how and when."""
    key = MessageKey(InstallationKey(None, TeamId(TEAM)), ChannelId(place["channel"]), Ts("1.1"))
    made = blot_slack(Settled(**place, outcome="delivered", im_user=MIAS[0], at=1.0), PERSON)

    assert Blotted(hashes=hashes_of(key), outcome="delivered", at=1.0) == made
    assert made is blot_slack(made, PERSON)


@pytest.mark.parametrize(
    "entry",
    [
        Settled(**PLACE, outcome="delivered", im_user=LEOS[1], at=1.0),
        Settled(**PLACE, outcome="refused", at=1.0),
        Untold(**PLACE, user=LEO, certainty="surely", reason="refused", at=1.0),
        Awaiting(team_id=TEAM, channel="C0SUPPORT1", ts="1.1", im_user=LEOS[1], user=LEO, marks={}, at=1.0),
        Told(**PLACE, outcome="told", at=1.0),
        Read(team_id=TEAM, channel=DIRECT[LEO], through=1.0, at=1.0),
    ],
)
def test_what_stays(entry: SlackEntry) -> None:
    """What is about anybody else, or names nobody, is as it was."""
    assert entry is blot_slack(entry, PERSON)


@pytest.mark.parametrize(
    ("entry", "stays"),
    [
        (Answered(user=MIAS[1], outcome="posted", at=1.0), False),
        (Intent(user=MIAS[0], message="m", part=0, channel="C0SUPPORT1", at=1.0), False),
        (Answered(user=LEOS[0], outcome="posted", at=1.0), True),
    ],
)
def test_the_desks_messages(entry: KefuEntry, *, stays: bool) -> None:
    """Of what the desk wrote to them nothing stays."""
    assert (entry if stays else None) is blot_kefu(entry, PERSON)
