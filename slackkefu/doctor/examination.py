"""
Examining side by side, in bounded time, told in a fixed order.

Each branch runs in a task of its own. What it says is told as soon as every branch before it has ended; until then it
is kept. A branch that takes too long is cut short, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from slackkefu.doctor.report import warning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from slackkefu.doctor.report import Branch, Finding, Say

__all__ = ["WHOLE_S", "examine", "together"]

T = TypeVar("T")

WHOLE_S: Final = 60.0
"""Longest time for everything together."""


@dataclass(slots=True)
class _Running:
    """A branch, and what it has said that is not told yet."""

    name: str
    kept: list[Finding] = field(default_factory=list)
    is_over: bool = False


async def examine(branches: Sequence[tuple[str, Branch]], tell: Say, *, limit_s: float = WHOLE_S) -> None:
    """
    Run *branches* side by side, and tell what they find, in their order.

    Args:
        branches: Each with its name, for when it takes too long.
        tell: Gets each finding as soon as its turn has come.
        limit_s: How long all of them may take.

    """
    running = [_Running(name) for name, _ in branches]
    deadline = trio.current_time() + limit_s

    async def run(each: _Running, branch: Branch) -> None:
        def say(finding: Finding) -> None:
            each.kept.append(finding)
            _pass_on(running, tell)

        with trio.move_on_at(deadline) as scope:
            await branch(say)
        if scope.cancelled_caught:
            say(
                warning(
                    "check.time",
                    f"not all of it was examined within {limit_s:g} s",
                    about=each.name,
                    means="what is missing above is not known",
                    do="mend what is said above, then check again",
                )
            )
        each.is_over = True
        _pass_on(running, tell)

    try:
        async with trio.open_nursery() as nursery:
            for each, (_, branch) in zip(running, branches, strict=True):
                nursery.start_soon(run, each, branch)
    except BaseException:
        # Somebody has had enough: what is known by now is told.
        for each in running:
            each.is_over = True
        _pass_on(running, tell)
        raise


def _pass_on(running: Sequence[_Running], tell: Say) -> None:
    """Tell what those have found whose turn has come."""
    for each in running:
        for finding in each.kept:
            tell(finding)
        each.kept.clear()
        if not each.is_over:
            break


async def together(works: Iterable[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Do *works* side by side, *at_once* at a time, and return what they give, in their order."""
    results: dict[int, T] = {}
    room = trio.Semaphore(at_once)

    async def do(number: int, work: Callable[[], Awaitable[T]]) -> None:
        async with room:
            results[number] = await work()

    async with trio.open_nursery() as nursery:
        for number, work in enumerate(works):
            nursery.start_soon(do, number, work)
    return [results[number] for number in sorted(results)]
