"""A kefu desk on this machine: agents behind a service number at the fake Easemob. :class:`Desk` is the way in."""

from __future__ import annotations

from slackkefu.demo.desk.desk import Conversation, Desk, Heard, Said, ServiceSession
from slackkefu.demo.desk.faults import DeskFaults
from slackkefu.demo.desk.host import HostFault, KefuHost
from slackkefu.demo.desk.media import MediaFault, MediaHost
from slackkefu.demo.desk.shapes import AGENT, ROBOT, SYSTEM, Speaker
from slackkefu.demo.desk.state_pages import DeskPages, PageCall
from slackkefu.demo.desk.switches import DeskSwitches

__all__ = [
    "AGENT",
    "ROBOT",
    "SYSTEM",
    "Conversation",
    "Desk",
    "DeskFaults",
    "DeskPages",
    "DeskSwitches",
    "Heard",
    "HostFault",
    "KefuHost",
    "MediaFault",
    "MediaHost",
    "PageCall",
    "Said",
    "ServiceSession",
    "Speaker",
]
