"""What Easemob refuses at the start ends the daemon; what something on the way refuses is asked again first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.errors import EasemobSetupError
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from tests.wired.town import Town


async def refused(here: Town) -> tuple[str, float]:
    """Run the daemon until it ends because Easemob does not let it in; return what it says, and after how long."""
    began, said = trio.current_time(), ""
    try:
        await here.run_once()
    except* EasemobSetupError as group:
        (problem,) = group.exceptions
        said = str(problem)
    return said, trio.current_time() - began


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bare_refusal_that_passes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, status: int
) -> None:
    """A proxy's word is no reason to end: the daemon starts as soon as Easemob answers itself."""
    async with town(tmp_path, started=False) as here:
        here.easemob.faults.fail_rest("/token", status, times=3)
        await here.start()
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(30):
            await here.desk.heard("hello")
        await here.settle()
        await here.stop()

    assert 3 == len([entry for entry in log.entries if entry["event"] == "easemob.refused"])


async def test_a_bare_refusal_that_stays(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After a few tries in about a minute the daemon ends, and says what to look at."""
    async with town(tmp_path, started=False) as here:
        here.easemob.faults.fail_rest("/token", 401, times=100)
        problem, after_s = await refused(here)

    assert "easemob.rest_url" in problem
    assert 60 < after_s < 90


async def test_wrong_credentials(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Easemob's own word is final, at once: asking again and again would get the app banned."""
    async with town(tmp_path, started=False) as here:
        here.easemob.faults.fail_rest("/token", 401, "unauthorized", "Unable to authenticate (OAuth)", times=100)
        problem, after_s = await refused(here)

    assert "401 unauthorized" in problem
    assert after_s < 5
