"""The certificate of ``slackkefu install --listen``: the operator's own, or one made on the spot."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slackkefu.errors import WrongUse

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

__all__ = ["own", "self_signed"]

LIFE: Final = dt.timedelta(days=8)
"""A link is good for a week."""


def own(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves with the operator's certificate; raises WrongUse."""
    context = _server()
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or str(exc)
        raise WrongUse(f"--cert {certificate} and --key {key} cannot be used: {reason}") from None
    return context


def self_signed(host: str, *, now: float) -> tuple[ssl.SSLContext, str]:
    """
    Make a certificate for *host* that nobody has signed.

    Returns:
        What serves with it, and its fingerprint as browsers show it (SHA-256).

    Raises:
        click.UsageError: The extra for it is missing.

    """
    try:
        from cryptography import x509  # noqa: PLC0415 - needs the extra "listen"
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ModuleNotFoundError as exc:
        raise click.UsageError(
            "--listen needs a certificate: give --cert and --key, or let one be made with pip install "
            "'slackkefu[listen]'"
        ) from exc
    try:
        names: list[GeneralName] = [x509.IPAddress(ipaddress.ip_address(host))]
    except ValueError:
        names = [x509.DNSName(host)]
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "slackkefu install")])
    begin = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - dt.timedelta(hours=1))
        .not_valid_after(begin + LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    return _from_pem(pem), ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _from_pem(pem: bytes) -> ssl.SSLContext:
    """Load a key that is to be on no disk for longer than it takes: the library reads files alone."""
    context = _server()
    descriptor, path = tempfile.mkstemp()
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(path)
    finally:
        os.close(descriptor)
        Path(path).unlink()
    return context


def _server() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> str:
    """Ask nobody: a key with a password is told instead of waited for."""
    raise ValueError("the key has a password")
