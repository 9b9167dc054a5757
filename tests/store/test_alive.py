"""How far Slack's messages have been seen survives a restart, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.store.alive import Alive, AliveFile

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """A new store knows nothing; what was kept last is there after a restart."""
    file = AliveFile(tmp_path)

    assert file.load() is None

    file.save(Alive(mark=1.25, at=2.5))
    file.save(Alive(mark=2.25, at=3.5, missed_until=3.0))

    assert Alive(mark=2.25, at=3.5, missed_until=3.0) == AliveFile(tmp_path).load()


def test_damage_is_said(tmp_path: Path, log: LogCapture) -> None:
    """A file that cannot be read is set aside with what that means, and the store is like a new one."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "alive.json").write_text("{")
    file = AliveFile(tmp_path)

    assert file.load() is None
    assert ["what was written in Slack while the daemon was down is not read"] == [
        entry["meaning"] for entry in log.entries
    ]

    file.save(Alive(mark=1.0, at=2.0))

    assert Alive(mark=1.0, at=2.0) == file.load()
