"""When the app was in a channel: comings and goings in any order, known from events and from the history."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.absence.presence import ALWAYS, KEPT_S, Presence, Stays, counted_from, is_in, was_in
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import InstallationKey
from slackkefu.store.presence import PresenceRecord, Stay

NORTH, SOUTH = (InstallationKey(None, TeamId(team)) for team in ("T0NORTH001", "T0SOUTH001"))
GRID = InstallationKey(EnterpriseId("E0GRID0001"), None)
SUPPORT, OTHER, MOVED = ChannelId("C0SUPPORT1"), ChannelId("C0OTHER001"), ChannelId("C0MOVED001")
ME, YOU = UserId("U0NORTHBOT"), UserId("U0SOUTHBOT")


@pytest.mark.parametrize(
    ("came", "left", "inside"),
    [
        ((), (), ""),
        ((0,), (), "0123456789"),
        ((3,), (), "3456789"),
        ((), (3,), "012"),
        ((3,), (6,), "345"),
        ((3, 7), (5,), "34789"),
        # Two comings: it was out between them, nobody knows for how long.
        ((3, 7), (), "789"),
        ((0, 4), (8,), "4567"),
        ((2,), (5, 7), "234"),
        ((4,), (4,), ""),
    ],
)
def test_when_it_was_in(came: tuple[float, ...], left: tuple[float, ...], inside: str) -> None:
    """What is not known for sure counts as out."""
    assert inside == "".join(str(at) for at in range(10) if was_in(Stay(came, left), at))


@pytest.mark.parametrize(
    ("stay", "expected"),
    [(Stay(), False), (ALWAYS, True), (Stay((1.0,), (2.0,)), False), (Stay((1.0, 3.0), (2.0,)), True)],
)
def test_whether_it_is_in(stay: Stay, expected: bool) -> None:
    """The last moment decides."""
    assert expected is is_in(stay)


@pytest.mark.parametrize(
    ("stay", "begin", "expected"),
    [
        (ALWAYS, 0.0, ALWAYS),
        (ALWAYS, 5.0, Stay((5.0,))),
        (Stay((1.0, 7.0), (3.0,)), 5.0, Stay((7.0,))),
        (Stay((1.0,), (8.0,)), 5.0, Stay((5.0,), (8.0,))),
    ],
)
def test_nothing_before_counts(stay: Stay, begin: float, expected: Stay) -> None:
    """Of a stay only what is after the beginning is left."""
    assert expected == counted_from(stay, begin)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=12), st.integers(0, 100))
def test_any_order(moments: list[tuple[bool, int]], seed: int) -> None:
    """Events that come twice, late or in any order say the same."""

    def told(each: list[tuple[bool, int]]) -> Stay | None:
        presence = Presence()
        for has_come, at in each:
            (presence.came if has_come else presence.left)(NORTH, SUPPORT, float(at))
        return presence.stay(NORTH, SUPPORT)

    again = moments * 2
    Random(seed).shuffle(again)

    assert told(moments) == told(again)


# What is known.


def test_who_is_in_a_channel() -> None:
    """Those that are in it now; of those that have left something is known still."""
    presence = Presence()
    presence.came(SOUTH, SUPPORT, 1.0)
    presence.came(NORTH, SUPPORT, 2.0)
    presence.came(GRID, SUPPORT, 3.0)
    presence.left(GRID, SUPPORT, 4.0)

    assert [NORTH, SOUTH] == presence.members(SUPPORT)
    assert {NORTH, SOUTH, GRID} == {*presence.ever_in(SUPPORT)}
    assert [] == presence.members(OTHER) == presence.ever_in(OTHER)

    presence.gone(SOUTH)
    presence.gone(SOUTH)

    assert [NORTH] == presence.members(SUPPORT)
    assert not presence.knows(SOUTH)
    assert presence.stay(SOUTH, SUPPORT) is None
    assert "<Presence in 2 channels>" == repr(presence)


def test_the_first_list_of_all() -> None:
    """Where nothing was ever known, what Slack lists was there before; later only the history says since when."""
    presence = Presence()
    presence.listed(NORTH, [SUPPORT], 5.0)

    assert ALWAYS == presence.stay(NORTH, SUPPORT)

    presence.listed(NORTH, [OTHER], 7.0)

    assert Stay((0.0,), (7.0,)) == presence.stay(NORTH, SUPPORT)
    assert presence.stay(NORTH, OTHER) is None

    later = Presence()
    later.restore([PresenceRecord(team_id="T0SOUTH001")])
    later.listed(NORTH, [SUPPORT], 5.0)

    assert later.knows(NORTH)
    assert later.stay(NORTH, SUPPORT) is None


def test_what_is_seen() -> None:
    """An event from a channel says that we are in it, and nothing about one that is known."""
    presence = Presence()
    presence.came(NORTH, SUPPORT, 3.0)
    presence.seen(NORTH, SUPPORT)
    presence.seen(NORTH, OTHER)

    assert (Stay((3.0,)), ALWAYS) == (presence.stay(NORTH, SUPPORT), presence.stay(NORTH, OTHER))


def test_a_new_id() -> None:
    """The channel is the same; a second telling, and one of a channel that we know by that id, change nothing."""
    presence = Presence()
    presence.came(NORTH, SUPPORT, 3.0)
    for _ in range(2):
        presence.renumbered(NORTH, SUPPORT, MOVED, 9.0)

    assert (Stay((3.0,)), Stay((3.0,), (9.0,))) == (presence.stay(NORTH, MOVED), presence.stay(NORTH, SUPPORT))
    assert ([SUPPORT], []) == (presence.formerly(NORTH, MOVED), presence.formerly(NORTH, SUPPORT))

    presence.renumbered(NORTH, MOVED, OTHER, 10.0)

    assert [MOVED, SUPPORT] == presence.formerly(NORTH, OTHER)

    presence.renumbered(SOUTH, SUPPORT, MOVED, 9.0)

    assert ALWAYS == presence.stay(SOUTH, MOVED)


# The disk.


def test_what_is_written() -> None:
    """Each installation that has changed once, without what is too old to matter; a restart knows the rest."""
    presence = Presence()
    now = 2 * KEPT_S
    presence.came(NORTH, SUPPORT, 1.0)
    presence.came(NORTH, OTHER, 1.0)
    presence.left(NORTH, OTHER, 2.0)
    for at in (3.0, now - 5.0):
        presence.came(NORTH, MOVED, at)

    assert NORTH == presence.unwritten()
    assert presence.unwritten() is None

    record = presence.record(NORTH, now=now)

    assert {SUPPORT: Stay((1.0,)), MOVED: Stay((3.0, now - 5.0))} == record.channels

    after = Presence()
    after.restore([record, PresenceRecord(enterprise_id="E0GRID0001", channels={"C1": ALWAYS}, formerly={"C1": "G1"})])

    assert Stay((1.0,)) == after.stay(NORTH, SUPPORT)
    assert [GRID] == after.members(ChannelId("C1"))
    assert ["G1"] == after.formerly(GRID, ChannelId("C1"))
    assert after.unwritten() is None

    after.keep(NORTH)

    assert NORTH == after.unwritten()


# What the history tells.


def message(at: float, **fields: object) -> dict[str, object]:
    """Make a message as the history shows it."""
    return {"ts": f"{at:.6f}", "user": "U0MIA00001", "text": f"at {at:.0f}", **fields}


def come(at: float, who: UserId = ME, subtype: str = "channel_join") -> dict[str, object]:
    """Make the line by which Slack says that a bot has come."""
    return message(at, user=who, subtype=subtype)


def ours(stays: Stays, *messages: dict[str, object]) -> list[float]:
    """Return when those were written that are ours."""
    for each in messages:
        stays.note(each)
    return [float(str(each["ts"])) for each in stays.ours(messages)]


def stays(**known: Stay) -> Stays:
    """Make stays of two bot users, of which the first is in it now."""
    by_user = {UserId(f"U0{name.upper()}"): stay for name, stay in known.items()}
    return Stays(by_user, present=[ME], is_own=[ME, YOU].__contains__)


def test_lines_of_comings_and_goings() -> None:
    """The app is there between them; lines of others say nothing."""
    found = ours(
        stays(northbot=Stay()),
        message(1),
        come(2),
        message(3),
        come(4, subtype="channel_leave"),
        message(5),
        come(6, UserId("U0LEO00001")),
        message(7),
        come(8),
        message(9),
    )

    assert [2, 3, 8, 9] == found


def test_the_mention_that_it_was_let_in_for() -> None:
    """Of several before a coming the last is ours, whichever bot it names; one that led to nothing is not."""
    calls = [message(at, text=f"<@{who}> come here") for at, who in ((1, ME), (2, YOU))]

    assert [2, 3, 4] == ours(stays(northbot=Stay()), *calls, come(3), message(4))
    assert [3, 4] == ours(stays(northbot=Stay()), message(1), come(3), message(4))
    assert [3] == ours(stays(northbot=Stay((3.0,), (4.0,))), come(3), message(5, text=f"<@{YOU}> come back"))


def test_a_mention_just_before_nothing_else() -> None:
    """The mention is ours also where the line of the coming is all that follows, or is not in the window."""
    assert [1] == ours(stays(northbot=Stay((5.0,))), message(1, text=f"<@{ME}> come here"))


def test_another_was_there() -> None:
    """What was written while any of them was there is ours."""
    assert [1, 2, 5, 6] == ours(
        stays(northbot=Stay((5.0,)), southbot=Stay((0.0,), (3.0,))), *map(message, [1, 2, 4, 5, 6])
    )


def test_nobody_knows_when_it_came() -> None:
    """From the first mention since it was out, and that is known from then on."""
    unknown = stays(northbot=Stay((1.0,), (2.0,)))
    call = message(5, text=f"<@{ME}> hello")

    assert [1, 5, 6] == ours(unknown, message(1), message(3), call, message(6))
    assert Stay((1.0, 5.0), (2.0,)) == unknown.of(ME, 9.0)
    assert Stay((9.0,)) == stays().of(ME, 9.0)
    assert ALWAYS == stays(northbot=ALWAYS).of(ME, 9.0)
