"""Tokens and passwords on disk."""

from __future__ import annotations

import math
import stat
from typing import TYPE_CHECKING

import pytest

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.secret import Secret
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
