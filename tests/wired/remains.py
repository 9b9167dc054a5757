"""Where in the memory of a daemon something stands: a walk through all that its parts hold."""

from __future__ import annotations

from collections import OrderedDict, deque
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["remains"]

OURS = ("slackkefu.", "functools")


def remains(root: object, ids: Collection[str]) -> dict[str, str]:
    """Return the texts below *root* that hold one of *ids*, by the way to each."""
    found: dict[str, str] = {}
    seen: set[int] = set()
    todo: list[tuple[Any, str]] = [(root, "")]
    while todo:
        each, way = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, str) and any(name in each for name in ids):
            found[way] = each
        todo.extend((inner, f"{way}.{name}" if name else way) for name, inner in _inside(each))
    return found


def _inside(each: Any) -> Iterator[tuple[str, Any]]:
    """Yield what something holds, with its name."""
    if isinstance(each, dict | OrderedDict):
        yield from (("", half) for pair in [*each.items()] for half in pair)
    elif isinstance(each, list | tuple | set | frozenset | deque):
        yield from (("", inner) for inner in [*each])
    elif isinstance(each, MethodType):
        yield "", each.__self__
    elif isinstance(each, FunctionType):
        yield from (("", cell.cell_contents) for cell in each.__closure__ or ())
    elif type(each).__module__.startswith(OURS):
        slots = [getattr(kind, "__slots__", ()) for kind in type(each).__mro__]
        names = [name for some in slots for name in ((some,) if isinstance(some, str) else some)]
        names += [*getattr(each, "__dict__", {}), *getattr(each, "__struct_fields__", ()), "func", "args"]
        yield from ((name, getattr(each, name)) for name in names if hasattr(each, name))
