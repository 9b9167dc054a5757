"""
A Slack of our own: one app, installed in many workspaces and organisations.

It behaves as facts/slack.md says Slack behaves, for any client: the Web API over HTTP, Socket Mode over WebSocket, the
people who write, and the admins who install and remove the app. Where the facts are unsure it has :class:`Switches`;
what can go wrong on the way is in :class:`Faults`; what was sent, confirmed and received is in its ledger.

=================  ========================================================================
``fake``           the whole: :class:`FakeSlack`
``manifests``      an app made from a manifest
``people``         who acts in a workspace: :class:`Person`, :class:`Workspace`
``state``          what a Slack knows: teams, users, channels, messages, installations
``events``         the documents it sends about it
``delivery``       Socket Mode without sockets: envelopes, acknowledgements, retries
``socket_mode``    Socket Mode on streams
``web_api``        the Web API, its methods being plain functions on the state
``switches``       what the facts leave open
``authorising``    the page on which somebody agrees to the app
``grants``         bot tokens that expire, and what refreshes them
``faults``         what can be made to go wrong
``ledger``         what happened
=================  ========================================================================
"""

from __future__ import annotations

from slackkefu.demo.slack.fake import FakeSlack
from slackkefu.demo.slack.faults import Cut, Drop, Faults, Hang, Late, Refusal, Status, TooMany, Trickle
from slackkefu.demo.slack.ledger import Call, Ledger, Parcel, Post
from slackkefu.demo.slack.manifests import app_from
from slackkefu.demo.slack.people import Person, Workspace
from slackkefu.demo.slack.state import AppSettings
from slackkefu.demo.slack.switches import Addresses, Switches, Timing

__all__ = [
    "Addresses",
    "AppSettings",
    "Call",
    "Cut",
    "Drop",
    "FakeSlack",
    "Faults",
    "Hang",
    "Late",
    "Ledger",
    "Parcel",
    "Person",
    "Post",
    "Refusal",
    "Status",
    "Switches",
    "Timing",
    "TooMany",
    "Trickle",
    "Workspace",
    "app_from",
]
