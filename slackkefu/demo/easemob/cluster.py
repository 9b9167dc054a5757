"""
The parts of one fake Easemob, in one hand.

What REST, the MSYNC server and the desk share: one app with its users, its exchange, its files, and how it behaves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.easemob.accounts import Accounts
    from slackkefu.demo.easemob.exchange import Exchange
    from slackkefu.demo.easemob.faults import Faults
    from slackkefu.demo.easemob.ledger import Ledger
    from slackkefu.demo.easemob.switches import Switches

__all__ = ["Address", "Cluster", "StoredFile"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server of ours listens."""

    host: str
    port: int
    is_tls: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded attachment."""

    content: bytes = field(repr=False)
    secret: str = field(repr=False)
    """Needed to download it; empty for an open file."""
    name: str = field(default="", repr=False)
    """As it was uploaded."""
    mimetype: str = ""


@final
@dataclass(slots=True)
class Cluster:
    """One app of one fake Easemob."""

    org: str
    app: str
    application: str
    """The app's uuid, as REST answers name it."""
    switches: Switches
    faults: Faults
    ledger: Ledger
    accounts: Accounts
    exchange: Exchange
    wall: Callable[[], float]
    rest: Address
    """As discovery gives it out."""
    websocket: Address
    files: dict[str, StoredFile] = field(default_factory=dict)
    creating: set[str] = field(default_factory=set)
    """Users that are being created."""

    @property
    def app_key(self) -> str:
        """The app key, ``org#app``."""
        return f"{self.org}#{self.app}"
