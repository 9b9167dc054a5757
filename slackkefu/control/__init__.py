"""
Asking the running daemon: a unix socket in the store's folder.

``wire`` is one line there and one back, ``server`` answers in the daemon, ``client`` asks from a command. What can be
asked is not known here: a server is handed its handlers.
"""

from __future__ import annotations

from slackkefu.control.client import ANSWER_S, NotRunning, ask
from slackkefu.control.server import ControlServer, ControlStatistics, Handler

__all__ = ["ANSWER_S", "ControlServer", "ControlStatistics", "Handler", "NotRunning", "ask"]
