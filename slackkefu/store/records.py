"""
A folder of JSON records, one file each.

A file that cannot be understood is *damaged*: it is moved to ``damaged/`` under its old name and folder, so that a
person can look at it, and stays known as damaged until it is written anew or deleted. It is never taken for absent.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

import msgspec
import structlog

from slackkefu.errors import StoreError
from slackkefu.secret import Secret
from slackkefu.store import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DAMAGED", "Damage", "Records", "hide"]

log = structlog.get_logger()

DAMAGED: Final = "damaged"
"""Folder of what was set aside."""

_SUFFIX: Final = ".json"

R = TypeVar("R", bound=msgspec.Struct)


@final
@dataclass(frozen=True, slots=True)
class Damage:
    """A record that is there but cannot be read."""

    name: str
    """The record's name in its folder."""
    path: Path
    """Where it was put."""
    reason: str


@final
class Records(Generic[R]):
    """
    The records of one folder.

    Args:
        root: The store.
        folder: Path of the folder in it.
        kind: Type of a record.
        names: What a name may look like; checked before it becomes a file name.
        loss: What a damaged record means for people, for the log.
        name_of: The name that a record gives itself, where it has one: in a file of another name it is damaged.

    """

    def __init__(
        self,
        root: Path,
        folder: str,
        kind: type[R],
        *,
        names: str,
        loss: str,
        name_of: Callable[[R], str] | None = None,
    ) -> None:
        self._folder = root / folder
        self._damaged = root / DAMAGED / folder
        self._decoder = msgspec.json.Decoder(kind, dec_hook=hide)
        self._names = re.compile(names)
        self._loss = loss
        self._name_of = name_of

    def __repr__(self) -> str:
        return f"<Records {self._folder}>"

    def get(self, name: str) -> R | Damage | None:
        """Return the record *name*, the damage done to it, or None when there is none; raises StoreError."""
        path = self._folder / self._file(name)
        content = files.read(path)
        aside = self._damaged / path.name
        found: R | Damage | None = None
        if content is not None:
            found = self._decode(name, path, content)
        elif aside.exists():
            found = Damage(name, aside, "set aside earlier")
        if isinstance(found, Damage):
            log.warning("store.damaged", record=name, put_to=str(aside), problem=found.reason, meaning=self._loss)
        return found

    def all(self) -> tuple[dict[str, R], list[Damage]]:
        """Return all records by name, and the damaged ones; raises StoreError."""
        found = {name: self.get(name) for name in self.names()}
        records = {
            name: record for name, record in found.items() if record is not None and not isinstance(record, Damage)
        }
        return records, [damage for damage in found.values() if isinstance(damage, Damage)]

    def names(self) -> list[str]:
        """Return the names of all records, the damaged ones too; raises StoreError."""
        stems = {*_stems(self._folder), *_stems(self._damaged)}
        return sorted(name for name in stems if self._names.fullmatch(name))

    def peek(self) -> tuple[dict[str, R], list[Damage]]:
        """
        Return all records by name, and the damaged ones, which stay where they are: for whoever does not own the store.

        Raises:
            StoreError: One cannot be read.

        """
        records: dict[str, R] = {}
        damages = []
        for folder in (self._damaged, self._folder):
            for name in filter(self._names.fullmatch, sorted(_stems(folder)) if folder.exists() else ()):
                path = folder / self._file(name)
                content = files.read(path)
                if content is None:
                    continue  # it went in between
                found = self._understand(name, content) if folder == self._folder else "set aside earlier"
                if isinstance(found, str):
                    damages.append(Damage(name, path, found))
                else:
                    records[name] = found
        return records, [damage for damage in damages if damage.name not in records]

    def put(self, name: str, record: R) -> None:
        """Write *record*; on disk when this returns. Raises StoreUnwritable."""
        path = self._folder / self._file(name)
        files.write_atomic(path, msgspec.json.format(msgspec.json.encode(record, enc_hook=_show), indent=2) + b"\n")

    def delete(self, name: str) -> None:
        """Remove the record *name*, also a damaged one; raises StoreUnwritable."""
        for folder in (self._folder, self._damaged):
            if (folder / self._file(name)).exists():
                files.remove(folder / self._file(name))

    def _file(self, name: str) -> str:
        if not self._names.fullmatch(name):
            raise StoreError(self._folder, f"{name[:80]!r} is no name of a record here; nothing was read or written.")
        return name + _SUFFIX

    def _understand(self, name: str, content: bytes) -> R | str:
        """Return the record, or why it is damaged."""
        try:
            record = self._decoder.decode(content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            return str(exc) if content.strip() else "the file is empty"
        if self._name_of is None or self._name_of(record) == name:
            return record
        return "it is about somebody else than its file's name says"

    def _decode(self, name: str, path: Path, content: bytes) -> R | Damage:
        found = self._understand(name, content)
        if not isinstance(found, str):
            return found
        aside = self._damaged / path.name
        try:
            path.replace(aside)
            files.sync_folder(path.parent)
        except OSError as exc:
            raise files.unwritable(aside, exc) from exc
        return Damage(name, aside, found)


def hide(kind: type, value: object) -> object:
    """Read what is kept as text into a Secret; a hook of msgspec."""
    if kind is not Secret:  # a field of any type
        return value
    if not isinstance(value, str):
        raise TypeError("Expected `str`")  # msgspec makes a ValidationError of it
    return Secret(value)


def _show(value: object) -> str:
    """Write a Secret as text; whatever else msgspec cannot write as what it looks like."""
    return value.reveal() if isinstance(value, Secret) else repr(value)


def _stems(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX)]
    except OSError as exc:
        raise StoreError(folder, f"cannot be listed ({exc.strerror}).") from exc
