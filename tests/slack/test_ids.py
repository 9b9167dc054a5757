"""A message's name is read as a time where it is one."""

from __future__ import annotations

import pytest

from slackkefu.slack.ids import Ts, written_at


@pytest.mark.parametrize(
    ("expected", "ts"),
    [
        (1512085950.000216, "1512085950.000216"),
        (1.0, "1.0"),
        (None, ""),
        (None, "1512085950"),
        (None, "nan"),
        (None, "-1.0"),
        (None, "1e9.0"),
        (None, "99999999999.0"),
        (None, "1512085950.0002161"),
        (None, "１512085950.000216"),
        (None, "1512085950.000216\n"),
    ],
)
def test_written_at(expected: float | None, ts: str) -> None:
    """Seconds with up to six places are a time; nothing else is."""
    assert expected == written_at(Ts(ts))


def test_neighbours_keep_their_order() -> None:
    """Two messages a microsecond apart are told apart, in the right order."""
    assert written_at(Ts("1999999999.999998")) < written_at(Ts("1999999999.999999"))  # type: ignore[operator]  # both are times
