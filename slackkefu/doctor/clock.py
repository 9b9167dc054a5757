"""The clock of this machine, against the ``Date`` of an answer."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import httpx
import trio

from slackkefu.doctor.report import failure, ok, warning

if TYPE_CHECKING:
    from slackkefu.doctor.report import Finding
    from slackkefu.world import World

__all__ = ["examine_clock", "judge"]

ASK_S: Final = 10.0
LATE_S: Final = 10.0
WRONG_S: Final = 60.0

_LATENESS: Final = "messages are marked as late, or not, wrongly, and what was missed is read from a wrong moment on"


async def examine_clock(world: World, url: str, *, whose: str) -> Finding:
    """
    Compare the clock with the one behind *url*; any answer will do.

    Args:
        world: Network and clock.
        url: What is asked for, without any token.
        whose: Whose clock that is.

    """
    date, asked = "", world.wall()
    with trio.move_on_after(ASK_S):
        try:
            async with (
                world.network.http_client(base_url="", timeout_s=ASK_S) as client,
                client.stream("GET", url) as got,
            ):
                date = got.headers.get("date", "")
        except httpx.HTTPError:
            pass  # why there is no answer, the way to it says
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return ok("clock", "not compared: there was no answer with a Date", about=whose)
    # The header has whole seconds, and was written somewhere between the question and now.
    return judge((asked + world.wall()) / 2 - theirs - 0.5, whose=whose)


def judge(off_s: float, *, whose: str) -> Finding:
    """
    Say what it means that our clock is *off_s* ahead of theirs.

    Tokens are judged by our clock, certificates too; lateness and absences by Slack's times against ours.
    """
    size_s, way = abs(off_s), "ahead of" if off_s > 0 else "behind"
    said = f"{round(size_s)} s {way} {whose}'s" if size_s >= 1 else f"as {whose}'s"
    do = "set the clock, and keep it right: timedatectl set-ntp true, or chrony"
    if size_s > WRONG_S:
        means = f"{_LATENESS}; tokens are taken for good or expired wrongly; far enough off, TLS fails"
        return failure("clock", said, about=whose, means=means, do=do)
    if size_s > LATE_S:
        return warning("clock", said, about=whose, means=_LATENESS, do=do)
    return ok("clock", said, about=whose)
