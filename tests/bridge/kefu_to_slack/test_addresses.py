"""Where a visitor is reached comes from the record, else from the name; a channel is never answered openly."""

from __future__ import annotations

import pytest

from slackkefu.bridge.kefu_to_slack.addresses import address_of
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, Place
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, TeamId, Ts, UserId
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.visitors import VisitorRecord
from tests.bridge.people import MIA, MIA_CHANNEL

DM = ChannelId("D0MIA00001")
CHANNEL = ChannelId("C0SUPPORT1")
USER = UserId("U0MIA00001")


def record(**more: str | None) -> VisitorRecord:
    """Make Mia's record."""
    return VisitorRecord(im_user=MIA, team="T0NORTH001", user=USER, **{"channel": DM, **more})  # type: ignore[arg-type]  # str fields


@pytest.mark.parametrize(
    ("expected", "user", "known"),
    [
        (InChannel(DM, None), MIA, None),
        (InPrivate(USER, about=CHANNEL), MIA_CHANNEL, None),
        (InChannel(DM, None), MIA, record(channel_type="im")),
        (InChannel(DM, Ts("1.1")), MIA, record(channel_type="im", thread_ts="1.1")),
        (InChannel(CHANNEL, Ts("1.1")), MIA_CHANNEL, record(channel=CHANNEL, thread_ts="1.1")),
        (InPrivate(USER, about=CHANNEL), MIA_CHANNEL, record(channel=CHANNEL)),
        (InChannel(ChannelId("C0MOVED001"), Ts("1.1")), MIA_CHANNEL, record(channel="C0MOVED001", thread_ts="1.1")),
    ],
)
def test_where(expected: Place, user: str, known: VisitorRecord | None) -> None:
    """In a direct message, in a thread, or in private."""
    address = address_of(ImUser(user), known)
    assert address is not None

    assert (expected, USER) == (address.place, address.user)


def test_through_whom() -> None:
    """Through the installation that the words came by; else that of the author's own workspace."""
    own, by = address_of(ImUser(MIA), record()), address_of(ImUser(MIA), record(installation_team_id="T0SOUTH001"))
    assert own is not None
    assert by is not None

    assert [InstallationKey(None, TeamId(each)) for each in ("T0NORTH001", "T0SOUTH001")] == [own.key, by.key]


def test_a_stranger() -> None:
    """A name that is not ours leads nowhere."""
    assert address_of(ImUser("somebody"), None) is None
