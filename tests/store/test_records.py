"""A folder of records: damage is named and set aside, never taken for absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slackkefu.errors import StoreError
from slackkefu.secret import Secret
from slackkefu.store.records import Damage, Records

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture


class Thing(msgspec.Struct, frozen=True):
    """A record."""

    number: int
    secret: Secret | None = None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a store with one folder."""
    (tmp_path / "things").mkdir()
    (tmp_path / "damaged" / "things").mkdir(parents=True)
    return tmp_path


def things(root: Path) -> Records[Thing]:
    """Open the folder, as a daemon does when it starts."""
    return Records(root, "things", Thing, names="[a-z]+", loss="it is gone")


def test_a_record_comes_back_as_it_was(root: Path) -> None:
    """What is put is got, by this run and by the next, secrets included."""
    records = things(root)
    records.put("a", Thing(1, Secret("hidden")))
    records.put("b", Thing(2))

    assert things(root).get("a") == Thing(1, Secret("hidden"))
    assert things(root).all() == ({"a": Thing(1, Secret("hidden")), "b": Thing(2)}, [])
    assert "hidden" not in repr(records) + repr(records.get("a"))


def test_a_deleted_record_is_gone(root: Path) -> None:
    """A deleted record is absent, also when it was damaged; deleting twice does no harm."""
    records = things(root)
    records.put("a", Thing(1))
    (root / "damaged" / "things" / "a.json").touch()
    records.delete("a")
    records.delete("a")

    assert records.get("a") is None
    assert records.all() == ({}, [])


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"number": "1"}', b'{"number": 1, "secret": 5}', b'{"number": 1}{', b"\0" * 40],
    ids=["empty", "cut", "no text", "other shape", "other type", "no secret", "too long", "zeros"],
)
def test_a_damaged_record_is_set_aside_and_named(root: Path, log: LogCapture, content: bytes) -> None:
    """A damaged record keeps its name in another folder, is told in the log, and stays known over a restart."""
    (root / "things" / "a.json").write_bytes(content)
    aside = root / "damaged" / "things" / "a.json"
    damage = things(root).get("a")

    assert isinstance(damage, Damage)
    assert ("a", aside) == (damage.name, damage.path)
    assert aside.read_bytes() == content
    assert not (root / "things" / "a.json").exists()
    assert [("store.damaged", "a", "it is gone")] == [
        (line["event"], line["record"], line["meaning"]) for line in log.entries
    ]
    again = things(root).get("a")
    assert isinstance(again, Damage)
    assert things(root).all() == ({}, [again])
    assert [line["problem"] for line in log.entries[1:]] == ["set aside earlier"] * 2


def test_a_record_written_anew_heals_the_damage(root: Path) -> None:
    """Once written anew a record is whole."""
    (root / "things" / "a.json").write_bytes(b"{")
    records = things(root)
    records.get("a")
    records.put("a", Thing(2))

    assert records.all() == ({"a": Thing(2)}, [])


def test_one_damaged_record_does_not_hide_the_others(root: Path) -> None:
    """All others are there."""
    records = things(root)
    records.put("a", Thing(1))
    (root / "things" / "b.json").write_bytes(b"")
    found, damages = records.all()

    assert {"a": Thing(1)} == found
    assert ["b"] == [damage.name for damage in damages]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "../a", "a\0", "a" * 300 + "!"])
def test_a_name_is_checked_before_it_is_a_path(root: Path, name: str) -> None:
    """No name from outside reaches the file system as a path."""
    records = things(root)
    for work in (records.get, records.delete, lambda name: records.put(name, Thing(1))):
        with pytest.raises(StoreError, match="is no name of a record here"):
            work(name)


def test_files_that_are_no_records_are_left_alone(root: Path) -> None:
    """What a person put there is neither read nor moved."""
    (root / "things" / "README").touch()
    (root / "things" / "NOTE.json").touch()

    assert things(root).all() == ({}, [])
    assert (root / "things" / "NOTE.json").exists()


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """A missing folder is not an empty one."""
    with pytest.raises(StoreError, match="cannot be listed"):
        things(tmp_path).all()


def test_a_record_that_cannot_be_set_aside_is_an_error(root: Path) -> None:
    """Where the damaged file cannot be moved, the store is not usable."""
    (root / "things" / "a.json").write_bytes(b"")
    (root / "damaged" / "things").rmdir()

    with pytest.raises(StoreError, match="its folder is not there"):
        things(root).get("a")


@given(content=st.binary(max_size=60) | st.sampled_from([b"[" * 100_000]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_record_or_damage(root: Path, content: bytes) -> None:
    """Whatever is in a file, reading it gives a record or a damage."""
    (root / "things" / "a.json").write_bytes(content)

    assert isinstance(things(root).get("a"), Thing | Damage)
