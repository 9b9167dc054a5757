"""Tests of :mod:`slackkefu.easemob.quiet`."""

from __future__ import annotations

import pytest

from slackkefu.easemob.quiet import interval_s

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@pytest.mark.parametrize(
    ("quiet_s", "is_open", "interval"),
    [
        (0.0, True, MINUTE),
        (6 * DAY, True, MINUTE),
        (7 * DAY, True, None),
        (0.0, False, 10 * MINUTE),
        (DAY - 1, False, 10 * MINUTE),
        (DAY, False, HOUR),
        (7 * DAY - 1, False, HOUR),
        (7 * DAY, False, None),
    ],
)
def test_quiet_watch_schedule(quiet_s: float, is_open: bool, interval: float | None) -> None:
    """Open: each minute; within a day: every ten; within a week: hourly; later not."""
    assert interval == interval_s(quiet_s=quiet_s, is_open=is_open)
