"""The network of every command that goes out: one function, so that none goes another way than the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slackkefu.net.network import TcpNetwork
from slackkefu.net.tls import trust

if TYPE_CHECKING:
    from slackkefu.config import NetworkConfig

__all__ = ["network_of"]


class WithNetwork(Protocol):
    """The configuration, or a part of it."""

    @property
    def network(self) -> NetworkConfig:
        """The way out."""
        ...


def network_of(config: WithNetwork) -> TcpNetwork:
    """Return the network as *config* has it: its proxy, and the CAs that are trusted."""
    return TcpNetwork(config.network.proxies, trust(config.network.ca_bundle))
