"""Rate limits: so many calls in so many seconds, counted per method and workspace (facts/slack.md §10)."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Document
    from slackkefu.demo.slack.switches import Switches

__all__ = ["Limit", "Limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """How often a method may be called."""

    calls: int
    window_s: float
    per_channel: bool = False
    """Whether each conversation has a count of its own, as ``chat.postMessage`` does."""


_STRICT: Final = Limit(1, 60.0)
_STRICT_METHODS: Final = ("conversations.history", "conversations.replies")


@final
class Limits:
    """The limits in force, and the calls counted against them. None at first, but for the strict history's."""

    def __init__(self) -> None:
        self.by_method: dict[str, Limit] = {}
        """Limits by method; may be set at any time."""
        self._calls: defaultdict[tuple[str, str, str], deque[float]] = defaultdict(deque)

    def pause(self, method: str, caller: str, arguments: Document, *, switches: Switches, now: float) -> int | None:
        """
        Count a call, or say how many seconds to wait before the next.

        Args:
            method: The method called.
            caller: Whose workspace.
            arguments: Of the call; the conversation is looked up here.
            switches: How the facts are read.
            now: Calendar time.

        """
        limit = self.by_method.get(method)
        if limit is None and switches.strict_history and method in _STRICT_METHODS:
            limit = _STRICT
        if limit is None:
            return None
        channel = str(arguments.get("channel", "")) if limit.per_channel else ""
        calls = self._calls[method, caller, channel]
        while calls and calls[0] <= now - limit.window_s:
            calls.popleft()
        if len(calls) >= limit.calls:
            return max(1, ceil(calls[0] + limit.window_s - now))
        calls.append(now)
        return None
