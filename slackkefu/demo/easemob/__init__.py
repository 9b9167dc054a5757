"""
An Easemob on this machine: users, queues, REST, and the MSYNC long connection.

First-class code with tests of its own. It serves the demo and the tests, over memory streams in virtual time or over
real sockets, and official clients hold it honest (``tests/peers``). :class:`FakeEasemob` is the way in.
"""

from __future__ import annotations

from slackkefu.demo.easemob.fake import FakeEasemob
from slackkefu.demo.easemob.faults import Faults
from slackkefu.demo.easemob.ledger import Ledger
from slackkefu.demo.easemob.messages import ImMessage, JsonObject
from slackkefu.demo.easemob.switches import Switches

__all__ = ["FakeEasemob", "Faults", "ImMessage", "JsonObject", "Ledger", "Switches"]
