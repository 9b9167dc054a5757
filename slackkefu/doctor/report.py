"""
What the doctor says: findings, each with a stable id, a level, what it means and what to do.

Every id is in :data:`IDS`. A finding holds ids, names of hosts and sentences of ours; never a token or a secret, and
no text that a peer sent but its codes.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

__all__ = ["IDS", "Branch", "Finding", "Level", "Say", "failure", "ok", "warning", "worst"]


class Level(enum.Enum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """Messages pass; something is missing, or will bind later."""
    FAILURE = "failure"
    """Messages do not pass, or not all."""


IDS: Final[Mapping[str, str]] = {
    "config.file": "the configuration file: is it there, and who may read it",
    "config.values": "the values in it; one finding for each problem",
    "config.servers": "whose servers it names",
    "host.open_files": "the open-file limit, against easemob.max_sessions",
    "store.folder": "the store's folder: is it there, whose is it, can it be written",
    "store.private": "files of the store that others may read",
    "store.space": "room on the store's disk",
    "store.lock": "whether a daemon works on the store",
    "store.damaged": "what could not be read and was set aside, or cannot be read now",
    "store.contents": "how much is in the store, and what waits in it",
    "daemon": "whether the daemon that works on the store answers",
    "clock": "this machine's clock, against the Date of an answer",
    "net.way": "a way that is whole: name, TCP, TLS, and the proxy where there is one",
    "net.proxy": "a way that ends at the proxy",
    "net.dns": "a way that ends because the name is not resolved",
    "net.tcp": "a way that ends because no TCP connection comes about",
    "net.tls": "a way that ends because no TLS connection comes about",
    "slack.app_token": "the app-level token, by apps.connections.open; the address it gives is not connected to",
    "slack.installations": "whether the app is installed anywhere, and which installations cannot be read",
    "slack.installation": "one installation: does its bot token work",
    "slack.app": "one installation: is it of the app that the app-level token is of",
    "slack.scopes": "one installation: the scopes it was granted, against those of the manifest",
    "slack.rotation": "one installation: when its token ends, and whether it can be replaced",
    "slack.workspaces": "an organisation: the workspaces it has granted the app",
    "slack.channels": "one installation: how many conversations the app is in",
    "easemob.discovery": "the addresses that Easemob's discovery server gives",
    "easemob.credentials": "the app's credentials, by asking for one app token",
    "easemob.service_number": "whether the IM service number exists",
    "easemob.sending": "whether this machine may send by REST; nobody gets what is sent",
    "easemob.users": "registered users, against the free plan's 100",
    "easemob.visitors": "visitors of the last day, against the free plan's 100 daily users",
    "easemob.waiting": "messages that wait for visitors, against Easemob's 500 for each",
    "easemob.login": "with --login: an IM login of a user made for it and deleted afterwards",
    "kefu.tenant": "whether the desk knows the tenant",
    "kefu.service_number": "whether the service number is the tenant's",
    "check.unasked": "a part that was not examined, because of what stands above it",
    "check.time": "a part that did not come to its end in time",
}
"""Everything that may be found, and what it is about. Ids stay; new ones may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    id: str
    level: Level
    about: str = ""
    """Which of several: a host and port, an installation, a key of the configuration."""
    says: str
    """What was found."""
    means: str = ""
    """What that means for messages; empty for what is well."""
    do: str = ""
    """What to do."""


Say: TypeAlias = "Callable[[Finding], None]"
"""Takes one finding."""

Branch: TypeAlias = "Callable[[Say], Awaitable[None]]"
"""Examines one thing, and says what it finds in a fixed order."""


def ok(id_: str, says: str, *, about: str = "") -> Finding:
    """Make a finding that all is well."""
    return Finding(id=id_, level=Level.OK, about=about, says=says)


def warning(id_: str, says: str, *, about: str = "", means: str, do: str) -> Finding:
    """Make a finding of something that lets messages pass."""
    return Finding(id=id_, level=Level.WARNING, about=about, says=says, means=means, do=do)


def failure(id_: str, says: str, *, about: str = "", means: str, do: str) -> Finding:
    """Make a finding of something that stops messages."""
    return Finding(id=id_, level=Level.FAILURE, about=about, says=says, means=means, do=do)


def worst(findings: Iterable[Finding]) -> Level:
    """Return the worst level among *findings*."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAILURE, Level.WARNING) if level in levels), Level.OK)
