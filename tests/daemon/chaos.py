"""What ``tests/chaos`` runs: kills until the time is over, with a line for each round; or one long absence."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from tests.daemon import absence, kills

if TYPE_CHECKING:
    from slackkefu.demo.judge import Verdict

__all__ = ["main"]

ROUND = 30
"""Kills in one round, which has a store and a judgement of its own."""

NAMED = 10
"""How many messages of each kind of trouble are named."""


def main(arguments: list[str] | None = None) -> int:
    """Run rounds, or an absence; 1 when one of them was not clean."""
    parser = argparse.ArgumentParser(prog="tests/chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="begin no round after this (default 5)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first round")
    parser.add_argument("--kills", type=int, default=ROUND, help=f"kills in a round (default {ROUND})")
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second, each way (default 100)")
    parser.add_argument("--visitors", type=int, default=150, help="people who write (default 150)")
    parser.add_argument(
        "--forgets", action="store_true", help="an Easemob that does not recognise what comes twice: the doubles count"
    )
    parser.add_argument(
        "--absence",
        type=int,
        metavar="MESSAGES",
        help="instead of kills: what so many messages cost the daemon's memory that wait for Easemob",
    )
    chosen = parser.parse_args(arguments)
    return _absence(chosen) if chosen.absence else _rounds(chosen)


def _absence(chosen: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        measure = partial(
            absence.run, Path(folder), messages=chosen.absence, a_second=chosen.rate, visitors=chosen.visitors
        )
        report = trio.run(measure)
    _say(str(report), report.verdict)
    return 0 if report.verdict.is_clean else 1


def _rounds(chosen: argparse.Namespace) -> int:
    until = time.monotonic() + chosen.minutes * 60
    seed, is_clean = chosen.seed, True
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as folder:
            a_round = partial(
                kills.run,
                Path(folder),
                seed=seed,
                kills=chosen.kills,
                visitors=chosen.visitors,
                a_second=chosen.rate,
                recognises=not chosen.forgets,
            )
            report = trio.run(a_round)
        _say(str(report), report.verdict)
        verdict = report.verdict
        is_clean = is_clean and (verdict.is_clean or (chosen.forgets and not verdict.lost and not verdict.reordered))
        seed += 1
    return 0 if is_clean else 1


def _say(report: str, verdict: Verdict) -> None:
    """Print a report, and what was wrong by name."""
    print(report, flush=True)  # noqa: T201 - what it is run for
    for what, found in (("lost", verdict.lost), ("doubled", verdict.doubled), ("reordered", verdict.reordered)):
        for lane, text in found[:NAMED]:
            print(f"  {what}: {lane}: {text}", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    sys.exit(main())
