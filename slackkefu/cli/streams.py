"""
Standard input and output of a command, whatever it was given.

A pipe may bring bytes that are no text, a terminal may not have a letter of somebody's name, and a supervisor may have
closed what it does not use. None of that is a fault of ours.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

__all__ = ["drop_output", "is_output_full", "prepare"]


def prepare() -> None:
    """
    Let nothing that is read or said end a command with a traceback.

    A closed input is an empty one. Its descriptor is taken by that, so no file of the store is opened in its place.
    """
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - for the whole process
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=errors)


def is_output_full(exc: OSError) -> bool:
    """Tell whether it is standard output that was not taken; files of ours have names, and errors of their own."""
    return exc.errno == errno.ENOSPC and exc.filename is None


def drop_output() -> None:
    """Print nowhere from now on: what is left to be printed would fail once more at the very end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
