"""
TLS: whom to trust, and the handshake.

It cannot be switched off, nor made to trust everybody. A private CA is added to the system's: a proxy that opens TLS
may let some hosts through untouched, and those show the certificates that everybody sees.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trio

from slackkefu.errors import ConnectFailed
from slackkefu.net.reason import reason_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_bundle", "secured", "trust"]


def trust(ca_bundle: Path | None = None) -> ssl.SSLContext:
    """
    Return what trusts the system's CAs, and those of a file.

    Args:
        ca_bundle: Certificates in PEM form, as :func:`check_bundle` has found them good.

    """
    context = ssl.create_default_context()
    if ca_bundle is not None:
        context.load_verify_locations(ca_bundle)
    return context


def check_bundle(path: Path) -> str | None:
    """Say what is wrong with a file of CA certificates, if anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except FileNotFoundError:
        return "no file"
    except ssl.SSLError:
        return "a file that does not hold certificates in PEM form"
    except OSError as exc:
        return f"a file that cannot be read ({exc.strerror})"
    return None if context.cert_store_stats()["x509"] else "a file without a certificate"


async def secured(
    stream: trio.abc.Stream, context: ssl.SSLContext, *, server: str, address: str, what: str = "TLS"
) -> trio.abc.Stream:
    """
    Begin TLS on *stream*, which is closed where that fails.

    Args:
        stream: A fresh connection.
        context: Whom to trust.
        server: The name whose certificate it has to be.
        address: Where all this leads, for the error.
        what: What this is, for the error.

    Raises:
        ConnectFailed: It did not come about.

    """
    secure = trio.SSLStream(stream, context, server_hostname=server, https_compatible=True)
    try:
        await secure.do_handshake()
    except (trio.BrokenResourceError, ssl.SSLError, OSError) as exc:
        await trio.aclose_forcefully(stream)
        raise ConnectFailed(address, f"{what}: {reason_of(exc)}") from exc
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secure
