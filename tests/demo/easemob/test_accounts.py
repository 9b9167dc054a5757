"""Users and tokens of one app."""

from __future__ import annotations

import pytest

from slackkefu.demo.easemob.accounts import AccountError, Accounts, Token


@pytest.fixture
def accounts() -> Accounts:
    """Return an app that allows two users."""
    return Accounts(label="acme-support", client_id="id", client_secret="secret", plan_users=2)


def test_names_do_not_keep_case(accounts: Accounts) -> None:
    """``Mia`` and ``mia`` are one user (facts/msync.md §12)."""
    user = accounts.create("Mia", password=None, now=1)

    assert user is accounts.find("MIA")
    assert ("mia", "Mia") == (user.name, user.registered_as)
    assert 1 == len(accounts)


@pytest.mark.parametrize("name", ["", None, "has space", "名字", "x" * 65, "a#b"])
def test_bad_names_are_refused(accounts: Accounts, name: object) -> None:
    """Letters, digits and ``_ - .`` in at most 64 bytes (facts/msync.md §12)."""
    with pytest.raises(AccountError):
        accounts.check_name(name)


def test_the_plan_has_an_end(accounts: Accounts) -> None:
    """One user more is refused with 429 ``resource_limited`` (facts/easemob-rest.md §12.2)."""
    accounts.create("one", password=None, now=1)
    accounts.create("two", password=None, now=1)
    with pytest.raises(AccountError) as caught:
        accounts.create("three", password=None, now=1)

    assert (429, "resource_limited") == (caught.value.status, caught.value.error)


def test_tokens_are_good_until_their_end(accounts: Accounts) -> None:
    """Good, expired, ended, foreign, and no token at all are told apart."""
    token = accounts.issue("mia", expires_at=10)
    later = accounts.issue("mia", expires_at=20)

    assert token == accounts.judge(token.value, now=9)
    assert "expired" == accounts.judge(token.value, now=10)
    accounts.expire("MIA")
    assert "expired" == accounts.judge(later.value, now=9)
    accounts.revoke("mia")
    assert "unknown" == accounts.judge(later.value, now=9)
    assert "corrupt" == accounts.judge("x", now=9)


def test_ending_app_tokens_leaves_users_alone(accounts: Accounts) -> None:
    """Each kind is ended by itself."""
    app, user = accounts.issue("", expires_at=10), accounts.issue("mia", expires_at=10)
    accounts.revoke()
    accounts.expire()

    assert "unknown" == accounts.judge(app.value, now=1)
    assert isinstance(accounts.judge(user.value, now=1), Token)


def test_tokens_and_users_show_no_secrets(accounts: Accounts) -> None:
    """A repr has neither tokens nor passwords."""
    token = accounts.issue("mia", expires_at=10)
    user = accounts.create("mia", password="hush", now=1)

    assert token.value not in repr(token)
    assert "hush" not in repr(user)
