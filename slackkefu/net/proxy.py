"""
Which way out: the proxy of a network, and who is reached without it. Pure.

One proxy for everything: all our connections are encrypted, so the usual tools' distinction between plain and
encrypted targets has nothing to tell apart here. Nobody on this machine is reached through it.

A proxy is given the names of its targets and looks them up itself, ``socks5`` like ``socks5h``: behind a firewall there
is often nobody who could do so here.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, final
from urllib.parse import unquote, urlsplit

from slackkefu.net.address import is_loopback
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["DIRECT", "GO_DIRECT", "Exemption", "Proxies", "Proxy", "exempt_by", "in_dns", "joined", "proxy_variable"]

GO_DIRECT: Final = "direct"
"""What an operator writes where there shall be no proxy, whatever the environment says."""

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_VARIABLES: Final = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")

_MAX_SOCKS_BYTES: Final = 255
"""Of a name or password in SOCKS5 (RFC 1929)."""

_Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


@final
@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy; shown without its name and password."""

    scheme: str
    """``http``, ``https``, ``socks5`` or ``socks5h``."""
    host: str
    port: int
    user: Secret | None = field(default=None, repr=False)
    password: Secret | None = field(default=None, repr=False)
    """There when :attr:`user` is."""
    place: str = field(default="network.proxy", repr=False, compare=False)
    """Where an operator has named it."""

    @classmethod
    def read(cls, text: str, *, place: str = "network.proxy") -> Proxy:
        """
        Read ``scheme://user:password@host:port``.

        Args:
            text: The address.
            place: Where it stands.

        Raises:
            ValueError: It is none; says what is wrong without repeating any of it.

        """
        if any(character.isspace() or not character.isprintable() for character in text):
            raise ValueError("an address with a space or control character")
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
            user, password = (unquote(each or "", errors="strict") for each in (parts.username, parts.password))
        except ValueError:
            # With its cause it would show the address.
            raise ValueError("an address that cannot be read") from None
        is_socks = parts.scheme.startswith("socks5")
        problems = {
            "an address that does not begin with http://, https:// or socks5://": parts.scheme not in _PORTS,
            "an address without a usable host and port": not host or not host.isascii() or port == 0,
            "an address with a path (in a password / is %2F, ? is %3F, # is %23)": (
                parts.path not in {"", "/"} or bool(parts.query or parts.fragment)
            ),
            "a password without a name": bool(password) and not user,
            "a name with a colon in it": ":" in user,
            "a name or password that SOCKS5 cannot carry": is_socks and not _fits_socks(user, password),
        }
        problem = next((problem for problem, found in problems.items() if found), None)
        if problem is not None:
            raise ValueError(problem)
        name, word = (Secret(user), Secret(password)) if user else (None, None)
        return cls(parts.scheme, host, port or _PORTS[parts.scheme], name, word, place)

    @property
    def address(self) -> str:
        """``host:port``."""
        return joined(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.address}"


@final
@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of ``no_proxy``: who is reached without the proxy."""

    name: str = ""
    """A host and all below it; ``*`` is everybody, and empty where :attr:`network` counts."""
    network: _Network | None = None
    """Hosts given by number; a name is never looked up for this."""
    port: int = 0
    """0: any."""

    @classmethod
    def read(cls, text: str) -> Exemption:
        """
        Read ``example.com``, ``.example.com``, ``*.example.com``, ``10.0.0.0/8``, ``::1`` or ``*``, with a port or not.

        Raises:
            ValueError: It is none of these; says with what it is wrong.

        """
        text = text.strip().lower()
        network = _network(text.strip("[]"))
        if network is not None:
            return cls(network=network)
        host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
        if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise ValueError("a port that is no number")
        number = int(port) if colon else 0
        network = _network(host.removeprefix("[").removesuffix("]"))
        if network is not None:
            return cls(network=network, port=number)
        name = host if host == "*" else host.removeprefix("*").removeprefix(".").removesuffix(".")
        if name != "*" and not all(
            label and label.replace("-", "").replace("_", "").isalnum() for label in name.split(".")
        ):
            raise ValueError("something that is no host, address or network")
        return cls(in_dns(name) or name, port=number)

    def covers(self, host: str, port: int) -> bool:
        """Tell whether *host*, a name or a number, is meant."""
        if self.port not in {0, port}:
            return False
        if self.network is not None:
            try:
                return ipaddress.ip_address(host) in self.network
            except ValueError:
                return False
        return self.name in {"*", host} or host.endswith(f".{self.name}")


@final
@dataclass(frozen=True, slots=True)
class Proxies:
    """The way out of a network."""

    proxy: Proxy | None = None
    exemptions: tuple[Exemption, ...] = ()

    def of(self, host: str, port: int) -> Proxy | None:
        """Return the proxy by which *host* is reached; None where it is reached directly."""
        host = (in_dns(host) or host).lower().removesuffix(".")
        if is_loopback(host) or any(exemption.covers(host, port) for exemption in self.exemptions):
            return None
        return self.proxy


DIRECT: Final = Proxies()
"""No proxy."""


def joined(host: str, port: int) -> str:
    """Return ``host:port``, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def in_dns(host: str) -> str:
    """Return a name as it is asked for, other letters than ASCII's encoded (IDNA); empty where nobody can have it."""
    with suppress(UnicodeError):
        return host.encode("idna").decode()
    return ""


# What the environment says.


def proxy_variable(environ: Mapping[str, str]) -> tuple[str, str]:
    """
    Return the proxy that the environment names, and the variable that does; both empty where none does.

    ``HTTPS_PROXY``, ``ALL_PROXY``, then ``HTTP_PROXY``, as slack_sdk takes it too: where only that is set there is no
    other way out. Small letters win, as with curl and Python; an address without a scheme is an HTTP proxy's.
    """
    for variable in _VARIABLES:
        name = variable.lower() if variable.lower() in environ else variable
        value = environ.get(name, "").strip()
        if value:
            return value if "://" in value else f"http://{value}", name
    return "", ""


def exempt_by(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the entries of ``NO_PROXY``; one that is none is passed over, as the usual tools do."""
    for text in environ.get("no_proxy", environ.get("NO_PROXY", "")).replace(",", " ").split():
        with suppress(ValueError):
            Exemption.read(text)
            yield text


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _fits_socks(user: str, password: str) -> bool:
    """Tell whether SOCKS5 can carry these, or there are none."""
    if not user:
        return True
    return all(text.isascii() and 0 < len(text) <= _MAX_SOCKS_BYTES for text in (user, password))
