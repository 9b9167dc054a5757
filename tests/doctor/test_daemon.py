"""The daemon on the store: one that does not answer is not taken for a well one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import trio

from slackkefu.doctor.daemon import examine_daemon
from slackkefu.store.lock import Holder

if TYPE_CHECKING:
    from slackkefu.doctor.report import Finding
    from slackkefu.doctor.scene import Scene


async def found(*, is_held: bool | None, answers: bool | None) -> list[tuple[str, str]]:
    """Return level and words of what is found."""
    findings: list[Finding] = []

    async def asked() -> bool | None:
        await trio.lowlevel.checkpoint()
        return answers

    scene = SimpleNamespace(store=SimpleNamespace(holder=Holder(is_held=is_held)), answers=asked)
    await examine_daemon(cast("Scene", scene), findings.append)
    return [(each.level.value, each.says) for each in findings]


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [
        (True, "ok", "it answers"),
        (False, "failure", "does not answer"),
        (None, "ok", "not asked"),
    ],
)
async def test_a_daemon_is_asked(answers: bool | None, level: str, words: str) -> None:
    """What it says decides; who cannot be asked, as at its start, is no fault."""
    ((seen, said),) = await found(is_held=True, answers=answers)

    assert level == seen
    assert words in said


@pytest.mark.parametrize("is_held", [False, None])
async def test_where_there_is_none_nobody_is_asked(is_held: bool | None) -> None:
    """Without a daemon there is nothing to say."""
    assert [] == await found(is_held=is_held, answers=False)
