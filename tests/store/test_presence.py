"""In which channels the app is survives a restart, one file an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.store.presence import FOLDER, PresenceRecord, PresenceStore, Stay

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

NORTH = PresenceRecord(team_id="T0NORTH001", channels={"C0SUPPORT1": Stay((1.5,), (2.5,))})
GRID = PresenceRecord(enterprise_id="E0GRID0001", channels={"C1": Stay((0.0,))}, formerly={"C1": "G1"})


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    """The last of each installation is there, and one that was forgotten is not."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / "damaged" / FOLDER).mkdir(parents=True)
    store = PresenceStore(tmp_path)

    assert [] == store.load()

    for record in (GRID, PresenceRecord(team_id="T0NORTH001"), NORTH):
        store.save(record)

    assert [GRID, NORTH] == PresenceStore(tmp_path).load()

    store.delete(GRID)

    assert [NORTH] == PresenceStore(tmp_path).load()


def test_damage_is_said(tmp_path: Path, log: LogCapture) -> None:
    """A file that cannot be read is set aside with what that means; the others are there."""
    for folder in (FOLDER, f"damaged/{FOLDER}"):
        (tmp_path / folder).mkdir(parents=True)
    PresenceStore(tmp_path).save(NORTH)
    (tmp_path / FOLDER / "E0GRID0001-none.json").write_text("{")

    assert [NORTH] == PresenceStore(tmp_path).load()
    assert ["store.damaged"] == [entry["event"] for entry in log.entries]
