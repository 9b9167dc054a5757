"""
What every test may ask for.

Asynchronous tests run on trio (``trio_mode``); ``autojump_clock`` of pytest-trio gives virtual time. A test that is
given ``chance`` repeats exactly: its seed is fixed.
"""

from __future__ import annotations

import logging
import os
import random
import signal
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog
from structlog.testing import LogCapture

from slackkefu.world import InlineDisk

if TYPE_CHECKING:
    from collections.abc import Iterator

# One profile a place: the same examples in each CI run, so that a red one is about the change.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


# Whatever is started in the background of a shell ignores SIGINT, and so would the processes that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def chance() -> random.Random:
    """Chance with a fixed seed."""
    return random.Random(20170401)


@pytest.fixture
def disk() -> InlineDisk:
    """File work on the spot: threads do not live in virtual time."""
    return InlineDisk()


@pytest.fixture(autouse=True)
def log() -> Iterator[LogCapture]:
    """Every log line of the test, as dictionaries in ``log.entries``; nothing is printed, nothing stays set up."""
    root = logging.getLogger()  # noqa: TID251 - what slackkefu.service.logs sets up
    handlers, level = root.handlers[:], root.level
    capture = LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
