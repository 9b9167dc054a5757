"""
Standard input and output of a command, whatever it was given.

A pipe may bring bytes that are no text, a terminal may not have a letter of somebody's name, and a supervisor may have
closed what it does not use. None of that is a fault of ours.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

__all__ = ["prepare"]


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
