"""Tokens and passwords on disk."""

from __future__ import annotations

import errno
import math
import os
import stat
from typing import TYPE_CHECKING

import pytest

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.errors import StoreError
from slackkefu.secret import Secret
from slackkefu.store.files import OPERATING_SYSTEM
from slackkefu.store.tokens import JsonTokenStore

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.world import InlineDisk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a store."""
    (tmp_path / "tokens" / "users").mkdir(parents=True)
    (tmp_path / "damaged" / "tokens" / "users").mkdir(parents=True)
    return tmp_path


def failing(number: int) -> staticmethod[[int, int, int], bytes]:
    """Make a read that fails."""

    def pread(_descriptor: int, _size: int, _offset: int) -> bytes:
        raise OSError(number, os.strerror(number))

    return staticmethod(pread)


TOKEN = StoredToken(value=Secret("hidden"), obtained_at=1.0, expires_at=2.0)
ENDLESS = StoredToken(value=Secret("hidden"), obtained_at=1.0, expires_at=math.inf)


@pytest.mark.parametrize("token", [TOKEN, ENDLESS])
async def test_the_app_token_survives_a_restart(root: Path, disk: InlineDisk, token: StoredToken) -> None:
    """A token comes back as it was, also one that never ends, from a file for its owner alone."""
    await JsonTokenStore(root, disk).save_app(token)

    assert await JsonTokenStore(root, disk).load_app() == token
    assert stat.S_IMODE((root / "tokens" / "app.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("token", [TOKEN, None])
@pytest.mark.parametrize("password", [Secret("hidden"), None])
async def test_a_user_survives_a_restart(
    root: Path, disk: InlineDisk, token: StoredToken | None, password: Secret | None
) -> None:
    """What lets a user in comes back as it was."""
    user = StoredUser(token=token, password=password)
    await JsonTokenStore(root, disk).save_user("t1_u1_c1", user)

    assert await JsonTokenStore(root, disk).load_user("t1_u1_c1") == user


async def test_nothing_is_known_at_first(root: Path, disk: InlineDisk) -> None:
    """A new store has no token."""
    store = JsonTokenStore(root, disk)

    assert await store.load_app() is None
    assert await store.load_user("t1_u1_c1") is None


async def test_a_damaged_token_counts_as_none(root: Path, disk: InlineDisk, log: LogCapture) -> None:
    """A token can be fetched again; the log says that a password cannot."""
    (root / "tokens" / "app.json").write_text("")
    (root / "tokens" / "users" / "t1_u1_c1.json").write_text("{")
    store = JsonTokenStore(root, disk)

    assert await store.load_app() is None
    assert await store.load_user("t1_u1_c1") is None
    assert "a password in it is lost" in log.entries[-1]["meaning"]
    await store.save_app(TOKEN)
    assert await store.load_app() == TOKEN


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
async def test_an_unreadable_token_of_a_user_counts_as_none(
    root: Path, disk: InlineDisk, log: LogCapture, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """One file must not keep its visitor from the desk: it is said why, and a new one takes its place."""
    store = JsonTokenStore(root, disk)
    await store.save_user("t1_u1_c1", StoredUser(TOKEN, None))
    with monkeypatch.context() as patched:
        patched.setattr(type(OPERATING_SYSTEM), "pread", failing(number))

        assert await store.load_user("t1_u1_c1") is None
        await store.save_user("t1_u1_c1", StoredUser(ENDLESS, None))

    assert ["store.unreadable"] == [entry["event"] for entry in log.entries]
    assert os.strerror(number) in log.entries[0]["problem"]
    assert await store.load_user("t1_u1_c1") == StoredUser(ENDLESS, None)


async def test_a_damaged_token_that_cannot_be_set_aside(root: Path, disk: InlineDisk, log: LogCapture) -> None:
    """It counts as none all the same."""
    (root / "tokens" / "users" / "t1_u1_c1.json").write_text("{")
    (root / "damaged" / "tokens" / "users").rmdir()

    assert await JsonTokenStore(root, disk).load_user("t1_u1_c1") is None
    assert ["store.unreadable"] == [entry["event"] for entry in log.entries]


async def test_too_many_open_files(root: Path, disk: InlineDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """That passes, and is no reason to fetch every visitor's token again."""
    store = JsonTokenStore(root, disk)
    await store.save_user("t1_u1_c1", StoredUser(TOKEN, None))
    monkeypatch.setattr(type(OPERATING_SYSTEM), "pread", failing(errno.EMFILE))

    with pytest.raises(StoreError):
        await store.load_user("t1_u1_c1")


async def test_an_unreadable_app_token_is_for_an_operator(
    root: Path, disk: InlineDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new one at every start would get the app banned."""
    store = JsonTokenStore(root, disk)
    await store.save_app(TOKEN)
    monkeypatch.setattr(type(OPERATING_SYSTEM), "pread", failing(errno.EIO))

    with pytest.raises(StoreError):
        await store.load_app()
