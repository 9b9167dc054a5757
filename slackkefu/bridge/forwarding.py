"""
Forwarding: one message from Slack to the desk, start to end.

The work of a visitor's lane. A message leaves its lane when it is settled: every part accepted by Easemob, or refused
for good. Between the two it is tried again under the same ids, so that a part which did arrive is recognised, and the
messages behind it wait, so that order holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.book import named
from slackkefu.bridge.custody import Outcome
from slackkefu.bridge.naming import name_all
from slackkefu.bridge.spilled import restore
from slackkefu.bridge.table import Reason
from slackkefu.bridge.to_kefu import parts
from slackkefu.easemob.recovery import GiveUp, after_send
from slackkefu.errors import SlackkefuError, StoreError
from slackkefu.kefu.outgoing import VisitorCard, language_of
from slackkefu.net.backoff import backoff
from slackkefu.slack.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Collection

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.naming import Naming
    from slackkefu.bridge.receipts import Parcel, Receipts
    from slackkefu.bridge.routing import Forward
    from slackkefu.bridge.sheltering import Sheltering
    from slackkefu.config import VisitorField
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.pool import Pool
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.installation import Installations
    from slackkefu.world import World

__all__ = ["Forwarding"]

log = structlog.get_logger()

NO_LOGIN_S: Final = 15 * 60.0
"""How long a message waits for a visitor whom Easemob does not let in: longer than Slack repeats it."""


@final
class Forwarding:
    """Brings messages to the desk, one at a time for each visitor."""

    def __init__(
        self,
        *,
        world: World,
        pool: Pool,
        directory: Directory,
        book: Book,
        receipts: Receipts,
        sheltering: Sheltering,
        installations: Installations,
        fields: Collection[VisitorField],
        service_number: ImUser,
    ) -> None:
        self._world = world
        self._pool = pool
        self._directory = directory
        self._book = book
        self._receipts = receipts
        self._sheltering = sheltering
        self._installations = installations
        self._fields = fields
        self._service_number = service_number

    async def work(self, user: ImUser, parcel: Parcel) -> None:
        """
        Bring one message over and settle it.

        A cancellation leaves the message owed: Slack still has it, or the spill.
        """
        try:
            with self._pool.hold(user):
                forward = parcel.forward or await self._fetch(parcel)
                outcome = await self._bring_over(forward) if forward is not None else Outcome.REFUSED
        except Exception:
            # The edge of a lane: a fault of ours must not hold up the visitor's next messages.
            log.exception("lane.fault", visitor=user, ts=parcel.owed.key.ts)
            if not parcel.is_safe:
                # Slack repeats this one.
                self._receipts.let_go(parcel)
                self._sheltering.ended(user, parcel)
                return
            outcome = Outcome.REFUSED
        await self._receipts.settle(parcel, outcome)
        self._sheltering.ended(user, parcel)

    async def _fetch(self, parcel: Parcel) -> Forward | None:
        """Read a message from the spill; None when its workspace has removed the app meanwhile."""
        forward = restore(await self._read(parcel), self._installations)
        if forward is None:
            log.warning("slack.no_installation", message=str(parcel.owed.key), meaning="not brought to the desk")
        return forward

    async def _read(self, parcel: Parcel) -> bytes:
        """Read what the spill keeps; a disk that cannot be read now is waited for, for the words are nowhere else."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        while True:
            try:
                return await self._receipts.fetch(parcel)
            except StoreError as exc:
                log.error("spill.unreadable", problem=str(exc), meaning="this visitor's messages wait")  # noqa: TRY400 - for an operator, no traceback
            await trio.sleep(next(pauses))

    async def _bring_over(self, forward: Forward) -> Outcome:
        naming = await name_all(forward, self._directory)
        card = self._card(forward, naming)
        await self._book.write(forward.user)
        messages = parts(
            forward,
            card=card.chosen(self._fields),
            language=language_of(naming.author.locale) if naming.author and naming.author.locale else None,
            names=naming,
            service_number=self._service_number,
        )
        for message in messages:
            refusal = await self._send(forward.user, message)
            if refusal is not None:
                log.warning(
                    "kefu.refused",
                    visitor=forward.user,
                    ts=forward.event.ts,
                    problem=refusal,
                    meaning="not at the desk",
                )
                return Outcome.REFUSED
        if not messages:
            log.info("slack.ignored", reason=Reason.EMPTY.value, visitor=forward.user, ts=forward.event.ts)
            return Outcome.IGNORED
        log.debug("kefu.delivered", visitor=forward.user, ts=forward.event.ts, parts=len(messages))
        return Outcome.DELIVERED

    async def _send(self, user: ImUser, message: OutgoingMessage) -> str | None:
        """Send until Easemob accepted it (None) or refused it for good (the reason)."""
        pauses = backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        gives_up_at = trio.current_time() + NO_LOGIN_S
        while True:
            try:
                await self._pool.send(user, message)
            except SlackkefuError as error:
                step = after_send(error)
                if isinstance(step, GiveUp) or (step.reason and trio.current_time() >= gives_up_at):
                    return step.reason
                pause = max(next(pauses), step.after_s)
                log.info("kefu.send_again", visitor=user, problem=str(error), in_s=round(pause, 1))
            else:
                return None
            await trio.sleep(pause)

    def _card(self, forward: Forward, naming: Naming) -> VisitorCard:
        """Make the visitor's card, and remember its names for when Slack does not tell them."""
        profile = naming.author or Profile()
        record = self._book.get(forward.user)
        if record is not None:
            name = (profile.name or "") if "name" in self._fields else ""
            workspace = naming.workspace if "workspace" in self._fields else ""
            record = named(record, name=name, workspace=workspace)
            self._book.remember(record)
        return VisitorCard(
            user_id=forward.visitor.user,
            channel=f"#{naming.place}" if naming.place else "",
            name=profile.name or (record.name if record else ""),
            real_name=profile.real_name,
            workspace=naming.workspace or (record.workspace if record else ""),
            email=profile.email,
            phone=profile.phone,
            title=profile.title,
            timezone=profile.timezone,
        )
