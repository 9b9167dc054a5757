"""What has been dealt with is recognised by either id, within its visitor."""

from __future__ import annotations

from slackkefu.bridge.seen import Seen
from slackkefu.easemob.names import ImUser

ANN = ImUser("t1_u1_d1")
BEN = ImUser("t1_u2_d2")


def test_either_id_is_enough() -> None:
    """A message is known by its Meta.id or by kefu's msgId alone."""
    seen = Seen()
    seen.note(ANN, 17, "m-1")

    assert [True, True, True, False] == [
        seen.knows(ANN, 17, "other"),
        seen.knows(ANN, 18, "m-1"),
        seen.knows(ANN, 17, None),
        seen.knows(ANN, 18, "m-2"),
    ]


def test_ids_of_one_visitor_say_nothing_of_another() -> None:
    """The same id at another visitor is another message."""
    seen = Seen()
    seen.note(ANN, 17, "m-1")

    assert not seen.knows(BEN, 17, "m-1")


def test_a_missing_id_recognises_nothing() -> None:
    """Absent ids (None, 0, empty) are never noted nor matched."""
    seen = Seen()
    seen.note(ANN, 0, None, "")

    assert not seen.knows(ANN, 0, None, "")


def test_only_so_many_are_remembered() -> None:
    """The oldest ids are forgotten first."""
    seen = Seen(remembered=2)
    for number in (1, 2, 3):
        seen.note(ANN, number)

    assert [False, True, True] == [seen.knows(ANN, number) for number in (1, 2, 3)]
