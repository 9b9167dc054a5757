"""What can go wrong behind Easemob, on demand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import final

__all__ = ["DeskFaults"]


@final
@dataclass(slots=True)
class DeskFaults:
    """The faults in force; those that are counted happen so many times and are over."""

    lost_messages: int = 0
    """How many of the next messages do not come to the desk, though Easemob has accepted them."""
    holds_acknowledgements: bool = False
    """KF-ACKs are kept back until :meth:`~slackkefu.demo.desk.Desk.catches_up`."""
    _lost: Counter[str] = field(default_factory=Counter)

    def lose(self, text: str, *, times: int = 1) -> None:
        """Let the next message with these words not come to the desk, whatever line is put before them."""
        self._lost[text] += times

    def take_lost(self, text: str) -> bool:
        """Use up a loss that is meant for this message, and tell whether there was one."""
        words = text.rpartition("\n")[2]
        if self._lost[words] > 0:
            self._lost[words] -= 1
            return True
        if self.lost_messages > 0:
            self.lost_messages -= 1
            return True
        return False
