"""
How a command ends.

What an operator can mend is one clear line and an exit code; a fault of ours is a traceback.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import click
import trio

from slackkefu.errors import WrongUse, exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EPILOG", "broken_off", "explain", "is_broken_off", "leaves"]

EPILOG: Final = """
\b
Exit codes:
  0  done; of run: stopped by SIGTERM or SIGINT
  1  a fault in slackkefu itself, please report the traceback; without one, nobody read what it printed
  2  wrong use of the command line, a missing extra, or broken off by whoever typed it
  3  the configuration cannot be used
  4  the store cannot be used: locked, full, not ours
  5  refused by Slack or Easemob; of check: something else is wrong, or was not examined
"""


def leaves(exc: BaseException) -> Iterator[BaseException]:
    """Yield what is inside an exception group, however deep; a lone exception is its own leaf."""
    if isinstance(exc, BaseExceptionGroup):
        for inner in exc.exceptions:
            yield from leaves(inner)
    else:
        yield exc


def is_broken_off(exc: BaseException) -> bool:
    """Tell whether a person ended it: by Ctrl-C, by a no, or by the end of what is typed."""
    return all(isinstance(leaf, trio.Cancelled | click.Abort | KeyboardInterrupt) for leaf in leaves(exc))


@contextlib.contextmanager
def broken_off(meaning: str) -> Iterator[None]:
    """Say what it means that a person ended what is inside."""
    try:
        yield
    except (click.Abort, KeyboardInterrupt, BaseExceptionGroup) as exc:
        if not is_broken_off(exc):
            raise
        click.echo(err=True)
        raise WrongUse(meaning) from None


def explain(exc: BaseException) -> tuple[str, int] | None:
    """
    Turn what ended a command into a text for a person and an exit code.

    Returns:
        None when there is a fault of ours in it, which deserves its traceback.

    """
    # SIGINT while the daemon does not listen for it, early or late: a stop like any other.
    faults = [leaf for leaf in leaves(exc) if not isinstance(leaf, trio.Cancelled | KeyboardInterrupt | SystemExit)]
    coded = [(code, str(fault)) for fault in faults if (code := exit_code(fault)) is not None]
    if len(coded) < len(faults):
        return None
    # What an operator has to mend comes before what followed from it.
    coded.sort(key=lambda pair: pair[0])
    lines = dict.fromkeys(f"slackkefu: {text}" for _, text in coded)
    return "\n".join(lines), coded[0][0] if coded else 0
