"""What is said of a store, by what was seen of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slackkefu.doctor.report import Level
from slackkefu.doctor.store import examine_store
from slackkefu.store.inspection import Contents, Folder, Inspection, Room
from slackkefu.store.lock import Holder

if TYPE_CHECKING:
    from slackkefu.doctor.report import Finding

PATH = Path("/var/lib/slackkefu")
ROOT, OWNER, SOMEBODY = 0, 990, 1000
WELL = Inspection(
    path=PATH,
    room=Room(bytes=2**32, files=10**6, is_read_only=False),
    parent=PATH,
    folder=Folder(OWNER, unwritable=(), foreign=(), open_to_others=()),
    holder=Holder(is_held=False),
    contents=Contents(),
)


def said(seen: Inspection, id_: str, *, user: int = OWNER) -> Finding:
    """Return the one finding of an id."""
    (finding,) = [each for each in examine_store(seen, user=user) if each.id == id_]
    return finding


def folder(**changes: object) -> Inspection:
    """Return a store whose folder is otherwise."""
    assert WELL.folder is not None
    return replace(WELL, folder=replace(WELL.folder, **changes))  # type: ignore[arg-type]  # the tests' own fields


@pytest.mark.parametrize("user", [ROOT, OWNER])
def test_a_store_that_is_well(user: int) -> None:
    """All is ok, also when root looks; who looks at whose is said."""
    findings = list(examine_store(WELL, user=user))

    assert {Level.OK} == {each.level for each in findings}
    assert f"of user {OWNER}" in findings[0].says
    assert ("looked at as user 0" in findings[0].says) is (user == ROOT)


def test_a_store_of_somebody_else() -> None:
    """Who is neither its owner nor root is told that a daemon of theirs could not write it."""
    finding = said(WELL, "store.folder", user=SOMEBODY)

    assert Level.WARNING is finding.level
    assert f"user {SOMEBODY} cannot write" in finding.means


def test_files_of_somebody_else() -> None:
    """What a command run as root has left behind keeps the daemon from working, and how to mend it is said."""
    finding = said(folder(foreign=(PATH / "visitors" / "a.json",)), "store.folder")

    assert Level.FAILURE is finding.level
    assert "visitors/a.json" in finding.says
    assert f"chown -R --no-dereference {OWNER} {PATH}" == finding.do


def test_many_names_are_a_few() -> None:
    """A line stays a line."""
    finding = said(folder(open_to_others=tuple(PATH / f"{number}.json" for number in range(10))), "store.private")

    assert "0.json, 1.json, 2.json and 7 more" in finding.says


def test_a_store_that_this_user_may_not_read() -> None:
    """It is not known how it is; as whom to look is said."""
    seen = replace(WELL, contents=None, holder=None, problem="Permission denied")
    finding = said(seen, "store.folder", user=SOMEBODY)

    assert Level.FAILURE is finding.level
    assert "Permission denied" in finding.says
    assert f"as user {OWNER}, or as root" in finding.do
    assert not [each for each in examine_store(seen, user=SOMEBODY) if each.id in {"store.lock", "store.contents"}]


def test_its_owner_is_not_told_to_be_somebody_else() -> None:
    """What its owner cannot read is somebody else's, or has a mode that its owner can change."""
    others = folder(foreign=(WELL.path / "lock",))
    unreadable = replace(WELL, problem="Permission denied", contents=None)

    assert "chown" in said(replace(others, problem="Permission denied", contents=None), "store.folder").do
    assert "chmod -R u+rwX" in said(unreadable, "store.folder").do


def test_a_path_that_cannot_be_looked_at() -> None:
    """Where even the folders above it are closed, that is said."""
    seen = Inspection(PATH, None, PATH, problem="Input/output error")

    assert "Input/output error" in said(seen, "store.folder").says
    assert ["store.folder"] == [each.id for each in examine_store(seen, user=OWNER)]


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder that nobody here may write in makes no store."""
    seen = replace(
        WELL, path=Path("/proc/none/store"), parent=Path("/proc/none"), folder=None, holder=None, contents=None
    )
    finding = said(seen, "store.folder", user=SOMEBODY)

    assert Level.FAILURE is finding.level
    assert "may not make it" in finding.says


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (Holder(is_held=True, process=4711), "a daemon works on it (process 4711); it is left alone"),
        (Holder(is_held=True), "a daemon works on it; it is left alone"),
        (Holder(is_held=False), "no daemon works on it now"),
        (Holder(is_held=None), "whether a daemon works on it is not told by this machine"),
    ],
)
def test_who_works_on_it(held: Holder, words: str) -> None:
    """A daemon that runs is no fault."""
    finding = said(replace(WELL, holder=held), "store.lock")

    assert (Level.OK, words) == (finding.level, finding.says)


def test_what_waits_is_counted() -> None:
    """What could not be brought over is a warning; what waits is not."""
    contents = Contents(spilled=3, incoming=2)

    assert Level.OK is said(replace(WELL, contents=contents), "store.contents").level
    assert "3 messages wait for the desk, 2 for Slack" in said(replace(WELL, contents=contents), "store.contents").says
    assert Level.WARNING is said(replace(WELL, contents=replace(contents, aside=1)), "store.contents").level


def test_what_was_not_looked_at_is_not_called_sound() -> None:
    """With more than can be looked at, only what was is said to be readable."""
    finding = said(replace(WELL, contents=Contents(is_whole=False)), "store.damaged")

    assert "what was looked at can be read" == finding.says
