"""Addresses an operator may configure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.net.address import check_url, is_loopback

HTTP = ("https", "http")
WEBSOCKET = ("wss", "ws")


@pytest.mark.parametrize(
    ("url", "schemes"),
    [
        ("https://slack.com/api/", HTTP),
        ("https://a1.easemob.com:8443", HTTP),
        ("http://localhost:8080/", HTTP),
        ("http://127.8.9.1", HTTP),
        ("http://[::1]:99/x", HTTP),
        ("wss://im-api.example/websocket", WEBSOCKET),
        ("ws://LOCALHOST:1", WEBSOCKET),
    ],
)
def test_good_addresses(url: str, schemes: tuple[str, str]) -> None:
    """Encrypted addresses anywhere, and plain ones of this machine, are accepted."""
    assert check_url(url, schemes=schemes) is None


@pytest.mark.parametrize(
    ("url", "schemes", "problem"),
    [
        ("", HTTP, "does not begin with https://"),
        ("slack.com/api", HTTP, "does not begin with https://"),
        ("https://slack.com", WEBSOCKET, "does not begin with wss://"),
        ("http://slack.com/api/", HTTP, "http:// to another machine"),
        ("ws://10.0.0.1/", WEBSOCKET, "ws:// to another machine"),
        ("ws://localhost.example/", WEBSOCKET, "ws:// to another machine"),
        ("https://", HTTP, "without a usable host"),
        ("https://host:0", HTTP, "without a usable host"),
        ("https://host:99999", HTTP, "cannot be read"),
        ("https://[::1", HTTP, "cannot be read"),
        ("https://host/a b", HTTP, "space or control"),
        ("https://ho\tst/", HTTP, "space or control"),
        ("https://user:hunter2@host/", HTTP, "user name or password"),
        ("https://host/#there", HTTP, "fragment"),
    ],
)
def test_bad_addresses(url: str, schemes: tuple[str, str], problem: str) -> None:
    """Each bad address is named for what is wrong with it, without repeating it."""
    found = check_url(url, schemes=schemes)

    assert found is not None
    assert problem in found
    assert "hunter2" not in found


@given(st.text())
def test_any_text_has_an_answer(url: str) -> None:
    """No text makes the check fail."""
    check_url(url, schemes=HTTP)


@pytest.mark.parametrize("host", ["0.0.0.0", "128.0.0.1", "::", "localhos", ""])  # noqa: S104 - not bound to
def test_other_hosts_are_not_loopback(host: str) -> None:
    """Only names that cannot mean another machine count as this one."""
    assert not is_loopback(host)
