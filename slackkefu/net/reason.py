"""
Why something of the network failed, in a few words for a person.

Exceptions of trio, ssl and httpx lie inside each other; what tells something is the first cause. Where that is an error
of ours it has said everything already.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final

from slackkefu.errors import ConnectFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["reason_of"]

_CA: Final = (
    "if a proxy or firewall on the way opens TLS, put its CA's certificate into network.ca_bundle, and all above it; "
    "look at $SSL_CERT_FILE if it is set"
)
_CLOCK: Final = (
    "check this machine's clock; if it is right, that server, or the CA in network.ca_bundle, needs a new one"
)

_CERTIFICATE_ADVICE: Final[Mapping[int, str]] = {
    2: _CA,  # the issuer's own issuer unknown
    9: _CLOCK,  # not yet valid
    10: _CLOCK,  # expired
    18: _CA,  # self-signed
    19: _CA,  # self-signed, in the chain
    20: _CA,  # issuer unknown
    21: _CA,  # issuer unknown, and nothing else sent
}
"""By OpenSSL's number of what is wrong with it (``X509_V_ERR_…``)."""

_TLS_WORDS: Final[Mapping[str, str]] = {
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS",
    "UNEXPECTED_EOF_WHILE_READING": "the connection ended in the middle of it",
}
"""By OpenSSL's name of what went wrong, but for certificates."""


def reason_of(exc: BaseException) -> str:
    """Say in a few words why *exc* happened: its first cause, and for a certificate also what to look at."""
    cause = exc
    while not isinstance(cause, ConnectFailed) and (inner := _inner(cause)) is not None:
        cause = inner
    if isinstance(cause, ConnectFailed):
        return cause.reason
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = _CERTIFICATE_ADVICE.get(cause.verify_code, "another server answers in its place")
        return f"its certificate is not trusted ({cause.verify_message}); {advice}"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return _TLS_WORDS.get(cause.reason, cause.reason.replace("_", " ").lower())
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.strerror:
        # Of a number above 0, which a name that is not found has not, the system's own words: trio puts Python's way of
        # writing an address before them.
        return os.strerror(cause.errno) if cause.errno is not None and cause.errno > 0 else cause.strerror
    return str(cause) or type(cause).__name__


def _inner(exc: BaseException) -> BaseException | None:
    """Return what *exc* came from; of several attempts the first."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.exceptions[0]
    return exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
