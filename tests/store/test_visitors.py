"""One record a visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from slackkefu.store.visitors import VisitorRecord, VisitorStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a store."""
    (tmp_path / "visitors").mkdir()
    (tmp_path / "damaged" / "visitors").mkdir(parents=True)
    return tmp_path


VISITOR = VisitorRecord(
    im_user="t1_u1_c1",
    team="T1",
    user="U1",
    channel="C1",
    enterprise_id="E1",
    installation_team_id="T1",
    thread_ts="1700000000.000100",
    channel_type="channel",
    name="Li Lei",
    workspace="North",
    last_active=1.5,
    open_session="s",
    closed_sessions=("r",),
    mention_threads={"1700000000.000100": 2.5},
)


def test_a_visitor_comes_back_as_it_was(root: Path) -> None:
    """Every field survives a restart, and so do the defaults of one of whom little is known."""
    little = VisitorRecord(im_user="t1_u2_c1", team="T1", user="U2", channel="C1")
    store = VisitorStore(root)
    store.save(VISITOR)
    store.save(little)

    assert VisitorStore(root).load_all() == ([VISITOR, little], [])


def test_only_a_change_is_written(root: Path) -> None:
    """Saving what is there costs no write; a change does, and what was deleted is new again."""
    store = VisitorStore(root)
    path = root / "visitors" / "t1_u1_c1.json"
    store.save(VISITOR)
    first = path.stat().st_ino
    store.save(msgspec.structs.replace(VISITOR))
    assert first == path.stat().st_ino

    reopened = VisitorStore(root)
    reopened.load_all()
    reopened.save(VISITOR)
    assert first == path.stat().st_ino

    changed = msgspec.structs.replace(VISITOR, name="Han Meimei")
    store.save(changed)
    assert VisitorStore(root).load_all() == ([changed], [])

    store.delete("t1_u1_c1")
    assert not path.exists()
    store.save(changed)
    assert path.exists()


def test_a_damaged_visitor_is_named(root: Path) -> None:
    """A damaged record does not hide the others."""
    store = VisitorStore(root)
    store.save(VISITOR)
    (root / "visitors" / "t9_u9_c9.json").write_text('{"im_user": 1}')
    visitors, damages = store.load_all()

    assert [VISITOR] == visitors
    assert ["t9_u9_c9"] == [damage.name for damage in damages]


def test_a_repr_shows_no_words(root: Path) -> None:
    """Logs may hold a visitor's id, not what people call them."""
    store = VisitorStore(root)
    store.save(VISITOR)

    assert repr(VISITOR) == "<VisitorRecord t1_u1_c1>"
    assert repr(store) == "<VisitorStore of 1>"


@pytest.mark.parametrize("name", ["t1_u9_c9", "../../x", "T1_U1_C1", ""])
def test_a_record_of_somebody_else_is_damaged(root: Path, name: str) -> None:
    """A file whose record names another visitor than the file does is set aside, and takes nobody's place."""
    store = VisitorStore(root)
    store.save(VISITOR)
    path = root / "visitors" / "t1_u1_c1.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(VISITOR, im_user=name)))
    records, (damage,) = VisitorStore(root).load_all()

    assert ([], "t1_u1_c1") == (records, damage.name)
    assert "somebody else" in damage.reason
    assert not path.exists()
