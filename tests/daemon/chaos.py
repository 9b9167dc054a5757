"""What ``tests/chaos`` runs: kills until the time is over, with a line for each round."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import trio

from tests.daemon.kills import run

__all__ = ["main"]

ROUND = 30
"""Kills in one round, which has a store and a judgement of its own."""


def main(arguments: list[str] | None = None) -> int:
    """Run rounds; 1 when one of them was not clean."""
    parser = argparse.ArgumentParser(prog="tests/chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="begin no round after this (default 5)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first round")
    parser.add_argument("--kills", type=int, default=ROUND, help=f"kills in a round (default {ROUND})")
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second, each way (default 100)")
    parser.add_argument("--visitors", type=int, default=150, help="people who write (default 150)")
    parser.add_argument(
        "--forgets", action="store_true", help="an Easemob that does not recognise what comes twice: the doubles count"
    )
    chosen = parser.parse_args(arguments)
    until = time.monotonic() + chosen.minutes * 60
    seed, is_clean = chosen.seed, True
    while time.monotonic() < until:
        with tempfile.TemporaryDirectory() as folder:
            report = trio.run(
                partial(
                    run,
                    Path(folder),
                    seed=seed,
                    kills=chosen.kills,
                    visitors=chosen.visitors,
                    a_second=chosen.rate,
                    recognises=not chosen.forgets,
                )
            )
        print(report, flush=True)  # noqa: T201 - what it is run for
        for what in ("lost", "doubled", "reordered"):
            for lane, text in getattr(report.verdict, what)[:10]:
                print(f"  {what}: {lane}: {text}", flush=True)  # noqa: T201 - as above
        is_clean = is_clean and (report.verdict.is_clean or (chosen.forgets and not report.verdict.lost))
        seed += 1
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
