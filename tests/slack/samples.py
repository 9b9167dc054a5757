"""The Socket Mode samples of facts/slack-samples, for the tests of this folder."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.facts import FACTS, load

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NAMES", "envelopes", "event", "frame", "frames", "paths", "replaced"]

NAMES = sorted(path.stem for path in (FACTS / "slack-samples").glob("[0-9]*.json"))


def frames(name: str) -> list[dict[str, Any]]:
    """Return the frames of the sample *name*, in order of arrival."""
    sample = load(f"slack-samples/{name}.json")
    return sample["envelopes"] if "envelopes" in sample else [sample["envelope"]]


def frame(number: int) -> dict[str, Any]:
    """Return the first frame of sample *number*."""
    return frames(NAMES[number - 1])[0]


def event(number: int, **fields: object) -> dict[str, Any]:
    """Return the inner event of sample *number* with some *fields* replaced."""
    inner: dict[str, Any] = frame(number)["payload"]["event"]
    return {**inner, **fields}


def envelopes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and frame of every envelope that is owed an acknowledgement."""
    for name in NAMES:
        for one in frames(name):
            if "envelope_id" in one:
                yield name, one


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value inside *value*, itself included."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


MISSING = object()


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """Return a copy of *value* with *new* at *path*; MISSING takes it out."""
    if not path:
        return new
    result = copy.deepcopy(value)
    target = result
    for step in path[:-1]:
        target = target[step]
    if new is MISSING:
        del target[path[-1]]
    else:
        target[path[-1]] = new
    return result
