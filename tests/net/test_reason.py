"""Reasons in a few words."""

from __future__ import annotations

import ssl
from itertools import pairwise

import pytest
import trio

from slackkefu.errors import ConnectFailed
from slackkefu.net.reason import reason_of


def raised(*causes: BaseException) -> BaseException:
    """Return the first, caused by the second, and so on."""
    for error, cause in pairwise(causes):
        error.__cause__ = cause
    return causes[0]


def test_the_first_cause_tells() -> None:
    """What lies around it is other people's."""
    group = ExceptionGroup("all attempts failed", [OSError(111, "Connection refused"), OSError(113, "No route")])

    assert "Connection refused" == reason_of(raised(RuntimeError("outer"), OSError("all failed"), group))
    assert "KeyError" == reason_of(KeyError())


async def test_a_port_that_nobody_listens_on() -> None:
    """The system's words, without Python's way of writing an address around them."""
    with pytest.raises(OSError, match="all attempts") as caught:
        await trio.open_tcp_stream("localhost", 1)  # noqa: TID251 - its error

    assert "Connection refused" == reason_of(caught.value)


def test_what_is_ours_has_said_everything() -> None:
    """An error of ours is not looked behind: it names the proxy, its cause does not."""
    ours = raised(ConnectFailed("slack.com:443", "the proxy p:1 cannot be reached"), OSError(111, "refused"))

    assert "the proxy p:1 cannot be reached" == reason_of(raised(RuntimeError(), ours))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (2, "and all above it"),
        (20, "network.ca_bundle"),
        (19, "network.ca_bundle"),
        (10, "clock"),
        (62, "another server answers"),
    ],
)
def test_certificates(code: int, advice: str) -> None:
    """What there is to do depends on what is wrong with one."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.verify_code, error.verify_message = code, "something"

    assert reason_of(error).startswith("its certificate is not trusted (something); ")
    assert advice in reason_of(error)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("WRONG_VERSION_NUMBER", "what answers there does not speak TLS"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tlsv1 alert protocol version"),
    ],
)
def test_tls(reason: str, words: str) -> None:
    """Words, without the place in somebody's source."""
    error = ssl.SSLError(1, f"[SSL: {reason}] something (_ssl.c:1006)")
    error.reason = reason

    assert words == reason_of(error)
