"""
Deeds: what a person does in Slack by a click, a modal, a command or a shortcut, brought to what carries it out.

Each deed is carried out in a task of its own, since it may wait for Slack, and the envelopes behind it must not. It is
acknowledged when it is done, at the latest shortly before Slack's three seconds are over; but for one that was handed
over, see :mod:`slackkefu.bridge.deeds.act`. One that makes us fail, or for which there is no room, is not acknowledged:
Slack shows the person an error, which is the truth.

A click is known by its ``action_id``, a modal by its ``callback_id``: the word before the first colon says whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.deeds.act import Act
from slackkefu.bridge.remembered import Remembered
from slackkefu.errors import SlackkefuError, StoreBroken
from slackkefu.slack.envelope import Interaction, SlashCommand
from slackkefu.slack.interaction import read_click, read_filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.bridge.deeds.act import Doing, Handler
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.slack.installation import Installation

__all__ = ["Deeds", "DeedsStatistics", "Handlers", "word_of"]

log = structlog.get_logger()

ACKNOWLEDGE_S: Final = 2.2
"""How long after it came a deed is acknowledged that is not done yet: Slack waits 3 s."""

LONGEST_S: Final = 60.0
"""Longest time for one deed."""

SEEN_S: Final = 600.0
"""How long an envelope is known by its id."""

MOST: Final = 200
"""Deeds in hand at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers:
    """What carries out each kind of deed; what has nobody is acknowledged and left alone."""

    on_click: Mapping[str, Handler] = field(default_factory=lambda: MappingProxyType({}))
    """By the word of the ``action_id``."""
    on_submit: Mapping[str, Handler] = field(default_factory=lambda: MappingProxyType({}))
    """By the word of the ``callback_id``."""
    on_command: Handler | None = None
    on_shortcut: Handler | None = None
    """``shortcut`` and ``message_action``."""
    on_home: Handler | None = None
    """``app_home_opened``."""


@dataclass(frozen=True, slots=True)
class DeedsStatistics:
    """Counts since the start."""

    done: int
    """Deeds that were carried out."""
    unknown: int
    """Deeds that nobody carries out; acknowledged, and nothing else."""
    failed: int
    """Deeds that made us fail, or took too long."""
    refused: int
    """Deeds for which there was no room."""


@final
class Deeds:
    """
    Takes every deed.

    Args:
        handlers: What carries them out.

    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._nursery: trio.Nursery | None = None
        self._seen = Remembered(keep_s=SEEN_S)
        self._in_hand = 0
        self._done = 0
        self._unknown = 0
        self._failed = 0
        self._refused = 0

    def __repr__(self) -> str:
        return f"<Deeds with {self._in_hand} in hand>"

    def statistics(self) -> DeedsStatistics:
        """Count."""
        return DeedsStatistics(done=self._done, unknown=self._unknown, failed=self._failed, refused=self._refused)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry deeds out until cancelled; what is in hand then is left as it is."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def take(self, installation: Installation, doing: Doing, delivery: Delivery) -> None:
        """Take a deed; returns at once, but for the acknowledgement of one that nobody carries out."""
        name = delivery.envelope.envelope_id
        if name in self._seen:
            # The very same frame can come twice (facts/slack.md §2), and nobody has done it twice.
            log.info("deeds.repeated", kind=_kind(doing))
            return
        self._seen.note(name, trio.current_time())
        act = Act(installation, doing, delivery)
        handler = self._handler(doing)
        if handler is None:
            self._unknown += 1
            log.info("deeds.unknown", kind=_kind(doing))
            await act.acknowledge()
        elif self._nursery is None or self._in_hand >= MOST:
            self._refused += 1
            log.warning("deeds.full", kind=_kind(doing), meaning="not acknowledged; Slack shows the person an error")
        else:
            self._in_hand += 1
            self._nursery.start_soon(self._carry_out, act, handler)

    def _handler(self, doing: Doing) -> Handler | None:
        handlers = self._handlers
        if isinstance(doing, SlashCommand):
            return handlers.on_command
        if not isinstance(doing, Interaction):
            return handlers.on_home
        match doing.type:
            case "block_actions":
                click = read_click(doing)
                return handlers.on_click.get(word_of(click.action_id)) if click is not None else None
            case "view_submission":
                filled = read_filled(doing)
                return handlers.on_submit.get(word_of(filled.callback_id)) if filled is not None else None
            case "shortcut" | "message_action":
                return handlers.on_shortcut
            case _:
                # A closed modal leaves nothing behind, and we have no menus of our own making to be filled.
                return None

    async def _carry_out(self, act: Act, handler: Handler) -> None:
        """Carry one deed out, and have it acknowledged in time."""
        try:
            with trio.move_on_after(LONGEST_S) as limit:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_acknowledge_in_time, act)
                    await handler(act)
                    nursery.cancel_scope.cancel()
            if not limit.cancelled_caught:
                await act.acknowledge()
                self._done += 1
                return
            log.warning("deeds.slow", kind=_kind(act.doing), meaning="given up")
        except* StoreBroken:
            raise
        except* SlackkefuError as errors:
            # What a handler does not know what to do about: its deed is not done, and everything else goes on.
            log.warning("deeds.refused", kind=_kind(act.doing), problem=str(errors.exceptions[0]), meaning="not done")
        except* Exception:
            # The edge of a task: one deed that we cannot carry out must not keep others from being carried out.
            log.exception("deeds.fault", kind=_kind(act.doing), meaning="not done")
        finally:
            self._in_hand -= 1
        self._failed += 1


async def _acknowledge_in_time(act: Act) -> None:
    await trio.sleep_until(act.delivery.received_at + ACKNOWLEDGE_S)
    await act.acknowledge()


def word_of(name: str) -> str:
    """Return the word that says whose an ``action_id`` or ``callback_id`` is."""
    return name.partition(":")[0]


def _kind(doing: Doing) -> str:
    """Return the kind of a deed for the log; never what was said by it."""
    return "command" if isinstance(doing, SlashCommand) else doing.type
