"""Who logs in, and what the answer says about tokens."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.login import Login, TokenReply, read_auth_token
from slackkefu.easemob.names import AppKey, im_user
from slackkefu.secret import Secret

NOW_MS = 1_800_000_000_000
LOGIN = Login(AppKey("org", "app"), im_user("visitor"), Secret("YWMt-test"), "slackkefu-test")


def read(document: object) -> TokenReply:
    """Read a reply that is JSON."""
    return read_auth_token(json.dumps(document).encode(), LOGIN, NOW_MS)


@pytest.mark.parametrize(
    ("given_end", "end_ms"),
    [
        (NOW_MS + 86_400_000, NOW_MS + 86_400_000),
        (NOW_MS // 1000 + 86_400, NOW_MS + 86_400_000),
        (86_400, NOW_MS + 86_400_000),
        (86_400.0, NOW_MS + 86_400_000),
        ("86400", NOW_MS + 86_400_000),
        (0, None),
        (-5, None),
        (None, None),
        ("soon", None),
        (1e400, None),
        ([1], None),
        (NOW_MS * 3, None),
    ],
)
def test_the_end_is_read_in_three_spellings(given_end: object, end_ms: int | None) -> None:
    """Absolute ms, absolute s and relative s mean the same moment; nonsense means nothing."""
    assert TokenReply(None, end_ms) == read({"token": "YWMt-test", "expires_in": given_end})


def test_another_token_replaces_ours() -> None:
    """A token that is not the one we sent, in either spelling, is to be used from now on."""
    assert TokenReply(Secret("YWMt-new")) == read({"token": "$t$YWMt-new"})
    assert TokenReply() == read({"token": "$t$YWMt-test"})
    assert TokenReply() == read({"token": ""})
    assert TokenReply() == read({"token": 5})


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_document_says_nothing(raw: bytes) -> None:
    """An empty or unreadable text is no reason to refuse a good login."""
    assert TokenReply() == read_auth_token(raw, LOGIN, NOW_MS)


@given(st.binary())
def test_no_bytes_raise(raw: bytes) -> None:
    """Whatever the server puts there, the answer is read."""
    read_auth_token(raw, LOGIN, NOW_MS)


def test_the_token_has_two_spellings() -> None:
    """With the prefix as the web client writes it, and without; and the repr shows neither."""
    bare = Login(LOGIN.app_key, LOGIN.user, LOGIN.token, LOGIN.resource, dollar_prefix=False)

    assert ("$t$YWMt-test", "YWMt-test") == (LOGIN.wire_token, bare.wire_token)
    assert "YWMt-test" not in repr(LOGIN)
