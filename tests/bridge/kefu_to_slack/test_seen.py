"""What has been dealt with is recognised by either id, within its visitor, for eight days."""

from __future__ import annotations

from slackkefu.bridge.kefu_to_slack.seen import KEEP_S, Seen
from slackkefu.bridge.remembered import BUCKET_S
from slackkefu.easemob.names import ImUser

ANN = ImUser("t1_u1_d1")
BEN = ImUser("t1_u2_d2")
DAY_S = 24 * 3600.0


def test_either_id_is_enough() -> None:
    """A message is known by its Meta.id or by kefu's msgId alone."""
    seen = Seen()
    seen.note(ANN, 17, "m-1", now=0.0)

    assert [True, True, True, False] == [
        seen.knows(ANN, 17, "other"),
        seen.knows(ANN, 18, "m-1"),
        seen.knows(ANN, 17, None),
        seen.knows(ANN, 18, "m-2"),
    ]


def test_ids_of_one_visitor_say_nothing_of_another() -> None:
    """The same id at another visitor is another message."""
    seen = Seen()
    seen.note(ANN, 17, "m-1", now=0.0)

    assert not seen.knows(BEN, 17, "m-1")


def test_a_number_is_no_text() -> None:
    """A Meta.id and a msgId of the same digits are two ids."""
    seen = Seen()
    seen.note(ANN, 17, now=0.0)

    assert not seen.knows(ANN, "17")


def test_a_missing_id_recognises_nothing() -> None:
    """Absent ids (None, 0, empty) are never noted nor matched."""
    seen = Seen()
    seen.note(ANN, 0, None, "", now=0.0)

    assert not seen.knows(ANN, 0, None, "")
    assert 0 == len(seen)


def test_an_id_is_known_for_eight_days() -> None:
    """However much comes meanwhile, an id is known for eight days, and forgotten soon after."""
    seen = Seen()
    seen.note(ANN, 17, now=0.0)
    for day in range(1, 9):
        seen.note(ANN, 1000 + day, now=day * DAY_S)

    assert seen.knows(ANN, 17)

    seen.note(ANN, 2000, now=KEEP_S + 2 * BUCKET_S)

    assert not seen.knows(ANN, 17)
