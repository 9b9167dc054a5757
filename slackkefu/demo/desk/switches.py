"""Every open question about kefu, as a switch (facts/kefu.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DeskSwitches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSwitches:
    """How this desk behaves; one field for each open point, with the section that raises it."""

    acknowledges: bool = True
    """A message with ``msg_id_for_ack`` is answered by a KF-ACK (facts/kefu.md §1.2)."""
    acknowledged_kinds: frozenset[str] | None = None
    """Of these kinds of bodies alone; None for all (facts/kefu.md §0.2: texts and files are confirmed differently)."""
    knows_repeats: bool = True
    """A message with a ``msg_id_for_ack`` heard before is not shown to the agent again (facts/kefu.md §3.2)."""
    events: Literal["cmd", "txt", "none"] = "cmd"
    """Session events come as commands, as empty texts, or not at all: for apps they cost extra (facts/kefu.md §2.3)."""
    takes: Literal["agent", "robot", "nobody"] = "agent"
    """Who takes a new service session at once."""
    names: bool = True
    """Messages name the agent; otherwise ``agent`` is null, as the tenant can choose (facts/kefu.md §2.9)."""
    escaped: Literal[0, 1, 2] = 1
    """How many times a text is HTML-escaped (facts/kefu.md §2.2)."""
    greeting: str = ""
    """What the system says when a session is taken (facts/kefu.md §2.10)."""
    reading_acknowledges: bool = True
    """What the second channel has handed out to a ``tabId`` it does not hand out to it again (facts/kefu.md §8)."""
    lists_delivered: bool = True
    """What was delivered over IM the second channel hands out all the same (facts/kefu.md §3.2)."""
    farewell: str = ""
    """What the system says after a session was closed; it must not be answered (facts/kefu.md §7.6)."""
