"""Which limit was looked at is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.doctor.open_files import examine_open_files
from slackkefu.doctor.report import Level
from tests.doctor.patient import patient

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Max open files            unlimited            unlimited            files\n", "no limit open files"),
        ("Max processes             1                    1                    processes\n", "does not tell"),
    ],
)
async def test_limits_that_are_none(text: str, words: str, autojump_clock: object, tmp_path: Path) -> None:
    """No limit is enough, and what this machine does not tell is not made up."""
    async with patient(tmp_path) as here:
        scene = await here.scene()
    (tmp_path / "proc" / "self" / "limits").write_text(text, encoding="ascii")
    (finding,) = examine_open_files(scene)

    assert Level.OK is finding.level
    assert words in finding.says


async def test_a_daemon_whose_limit_is_not_to_be_seen(autojump_clock: object, tmp_path: Path) -> None:
    """Another user's process may hide its limits; then it is this shell's that was looked at, and that is said."""
    async with patient(tmp_path) as here:
        here.runs(4711, open_files=64)
        scene = await here.scene()
    (tmp_path / "proc" / "4711" / "limits").unlink()
    (finding,) = examine_open_files(scene)

    assert Level.OK is finding.level
    assert "of what is started from here" in finding.says
