"""
Clicks: answers to what kefu has offered, by a button, an option or the rating's modal (facts/kefu.md §1.6–§1.8).

Everybody who sees a message can press its buttons; only the visitor's own click counts, once, and while what it belongs
to is not over. Whoever's does not count is told so, privately. What was chosen is shown in the message only when the
answer is safe, so nobody sees as sent what could still be lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog
import trio

from slackkefu.bridge.deeds.bringing import Spot
from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.kefu_to_slack.forms.blocks import note
from slackkefu.bridge.kefu_to_slack.forms.offered import ANSWER, Offered, read_value
from slackkefu.bridge.kefu_to_slack.forms.rating import DEGREE, RATE, TAGS, Ballot, Invited, unasked
from slackkefu.bridge.kefu_to_slack.forms.useful import USEFUL, Opinion
from slackkefu.bridge.open_menus import answered, is_answered, is_over, rating_is_over
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.errors import SlackkefuError
from slackkefu.slack.envelope import Interaction
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.interaction import read_click, read_filled, trigger_of
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.deeds.act import Act, Handler
    from slackkefu.bridge.deeds.bringing import Bringing
    from slackkefu.bridge.deeds.replying import Replying
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.second_channel import SecondChannel
    from slackkefu.secret import Secret
    from slackkefu.slack.interaction import Click
    from slackkefu.slack.views import Views
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["Clicks"]

log = structlog.get_logger()

OPEN_S: Final = 2.5
"""Longest time to open a modal: its trigger is good for 3 s."""


@final
class Clicks:
    """
    Carries out clicks on what kefu has offered.

    Args:
        book: The visitors' records.
        bringing: Brings answers to the desk.
        replying: Tells people what came of it.
        views: Opens modals.
        channel: The desk's own API, where it may be used.
        wall: Wall clock, seconds.

    """

    def __init__(
        self,
        *,
        book: Book,
        bringing: Bringing,
        replying: Replying,
        views: Views,
        wall: Callable[[], float],
        channel: SecondChannel | None = None,
    ) -> None:
        self._book = book
        self._bringing = bringing
        self._replying = replying
        self._views = views
        self._wall = wall
        self._channel = channel

    @property
    def on_click(self) -> Mapping[str, Handler]:
        """What carries out clicks, by the word of their ``action_id``."""
        return {ANSWER: self.answer, RATE: self.rate, USEFUL: self.rate_answer}

    @property
    def on_submit(self) -> Mapping[str, Handler]:
        """What carries out modals, by the word of their ``callback_id``."""
        return {RATE: self.submit_rating}

    # Menus and hints.

    async def answer(self, act: Act) -> None:
        """Bring what a button or an option carries to the desk."""
        if not isinstance(act.doing, Interaction) or (click := read_click(act.doing)) is None:
            return
        offered = Offered.read(click.block_id)
        deed = read_value(click.value, label=click.label)
        if offered is None or deed is None:
            log.warning("deeds.unreadable", meaning="a button that this version does not know; nothing was sent")
            await self._replying.privately(act, Sentence.OVER)
            return
        if not await self._may_answer(act, act.doing, offered):
            return
        record = self._book.get(offered.user)
        if is_over(record, offered):
            await act.acknowledge()
            await self._replying.privately(act, Sentence.OVER)
            await self._replying.show_over(act, click, offered, Sentence.OVER_HERE)
            return
        spot = Spot(act.doing.channel, click.thread_ts) if act.doing.channel else None
        is_safe = await self._bringing.bring(
            act, offered.user, _once(deed, offered), label=click.label, at=click.at, spot=spot
        )
        if is_safe:
            await self._replying.show_chosen(act, click, offered, click.label)
        else:
            await self._replying.privately(act, Sentence.CLICK_FAILED)

    async def rate_answer(self, act: Act) -> None:
        """Tell the desk whether a robot's answer was useful; no message, so nothing waits for it."""
        if not isinstance(act.doing, Interaction) or (click := read_click(act.doing)) is None:
            return
        offered, opinion = Offered.read(click.block_id), Opinion.read(click.value)
        if offered is None or opinion is None or self._channel is None:
            log.warning("deeds.unreadable", meaning="a button that means nothing here; nothing was sent")
            await self._replying.privately(act, Sentence.OVER)
            return
        if not await self._may_answer(act, act.doing, offered):
            return
        try:
            await self._channel.rate_answer(opinion.robot_id, opinion.key, is_useful=opinion.is_useful)
        except SlackkefuError as error:
            log.info("deeds.not_rated", problem=str(error))
            await self._replying.privately(act, Sentence.CLICK_FAILED)
            return
        # As it is now: it may have changed while the desk was told.
        record = self._book.get(offered.user)
        if record is not None:
            self._book.remember(answered(record, ForDesk(answers=offered.mark), click.at or Ts("0")))
            await self._book.write(offered.user)
        await self._replying.show_chosen(act, click, offered, click.label)

    async def _may_answer(self, act: Act, doing: Interaction, offered: Offered) -> bool:
        """Tell whether who pressed is who was asked, for the first time; if not, they are told so."""
        if not _is_own(doing, offered.user):
            await self._replying.privately(act, Sentence.NOT_YOURS)
            return False
        if is_answered(self._book.get(offered.user), offered.mark):
            await self._replying.privately(act, Sentence.ALREADY_ANSWERED)
            return False
        return True

    # Ratings.

    async def rate(self, act: Act) -> None:
        """Open the modal of an invitation, or show the reasons of the degree that was chosen in it."""
        if not isinstance(act.doing, Interaction) or (click := read_click(act.doing)) is None:
            return
        if click.view is not None:
            await self._show_reasons(act, click)
            return
        offered, invited = Offered.read(click.block_id), Invited.read(click.value)
        if offered is None or invited is None:
            log.warning("deeds.unreadable", meaning="a button that this version does not know; nothing was sent")
            await self._replying.privately(act, Sentence.OVER)
            return
        if not await self._may_answer(act, act.doing, offered):
            return
        record = self._book.get(offered.user)
        # An invitation need not name its service session (facts/kefu.md §1.8).
        invited = invited if invited.s else msgspec.structs.replace(invited, s=_latest_session(record))
        if rating_is_over(record, offered, invited.s, now=self._wall()):
            await act.acknowledge()
            await self._replying.privately(act, Sentence.RATING_OVER)
            await self._replying.show_over(act, click, offered, Sentence.RATING_OVER)
            return
        ballot = Ballot(offered.block_id(), invited, act.doing.channel or "", click.message_ts or "")
        if not await self._open(act, trigger_of(act.doing), ballot):
            await self._replying.privately(act, Sentence.PRESS_AGAIN)

    async def ask_rating(self, act: Act, user: ImUser, trigger: Secret) -> bool:
        """
        Let a visitor rate unasked: open the modal for the service session that is open, or was last.

        Returns:
            Whether it is open; False where there is no session to rate, it was rated, or Slack did not open it.

        """
        record = self._book.get(user)
        session = _latest_session(record)
        if not session:
            return False
        offered = Offered.of(user, identity=session, kind="unasked", session_id=session, at=self._wall())
        if is_answered(record, offered.mark) or rating_is_over(record, offered, session, now=self._wall()):
            return False
        return await self._open(act, trigger, Ballot(offered.block_id(), unasked(session)))

    async def _open(self, act: Act, trigger: Secret, ballot: Ballot) -> bool:
        """Open a modal; False when Slack did not take it in time."""
        view = ballot.view(locale=await self._replying.locale(act))
        try:
            with trio.fail_after(OPEN_S):
                await self._views.open(act.installation, trigger, view)
        except (SlackkefuError, trio.TooSlowError) as error:
            log.info("deeds.not_opened", problem=str(error))
            return False
        return True

    async def _show_reasons(self, act: Act, click: Click) -> None:
        """Show the reasons of the chosen degree; where that fails the rating goes without."""
        filled = click.view
        ballot = Ballot.read(filled.memory) if filled is not None else None
        if filled is None or ballot is None:
            return
        view = ballot.view(locale=await self._replying.locale(act), chosen=ballot.chosen(filled))
        try:
            await self._views.update(act.installation, filled.view_id, view, version=filled.version)
        except SlackkefuError as error:
            log.info("deeds.not_updated", problem=str(error))

    async def submit_rating(self, act: Act) -> None:
        """Bring a rating to the desk, or say in the modal why not."""
        if not isinstance(act.doing, Interaction) or (filled := read_filled(act.doing)) is None:
            return
        ballot = Ballot.read(filled.memory)
        offered = ballot.offered if ballot is not None else None
        if ballot is None or offered is None or not _is_own(act.doing, offered.user):
            log.warning("deeds.unreadable", meaning="a modal that this version does not know; nothing was sent")
            return
        record = self._book.get(offered.user)
        deed = ballot.answer(filled)
        if is_answered(record, offered.mark):
            await self._refuse(act, DEGREE, Sentence.ALREADY_ANSWERED)
        elif rating_is_over(record, offered, ballot.r.s, now=self._wall()):
            await self._refuse(act, DEGREE, Sentence.RATING_OVER)
        elif deed is None:
            await self._refuse(act, DEGREE, Sentence.CHOOSE)
        elif ballot.lacks_reason(filled):
            await self._refuse(act, f"{TAGS}:{ballot.chosen(filled)}", Sentence.RATING_CHOOSE_TAG)
        elif await self._bringing.bring(act, offered.user, deed, label=ballot.said(filled)):
            await self._show_rated(act, ballot, ballot.said(filled))
        else:
            await self._refuse(act, DEGREE, Sentence.CLICK_FAILED)

    async def _refuse(self, act: Act, block_id: str, sentence: Sentence) -> None:
        """Keep the modal open, with *sentence* below a field of it."""
        said = label(sentence, locale=await self._replying.locale(act))
        await act.acknowledge({"response_action": "errors", "errors": {block_id: said}})

    async def _show_rated(self, act: Act, ballot: Ballot, degree: str) -> None:
        """Show where the invitation was that it was taken, and what was said."""
        if ballot.c and ballot.t:
            line = f"✅ {label(Sentence.RATED, locale=await self._replying.locale(act))}: {degree}"
            await self._replying.change(act, ChannelId(ballot.c), Ts(ballot.t), escape(line), (note(line),))


def _is_own(doing: Interaction, user: ImUser) -> bool:
    """
    Tell whether who did something is the visitor *user*.

    Within an organisation a person's workspace is not always told the same (facts/slack.md §13); their id is.
    """
    visitor = visitor_of(user)
    if visitor is None or doing.user != visitor.user:
        return False
    return doing.user_team in (None, visitor.team) or doing.enterprise_id is not None


def _latest_session(record: VisitorRecord | None) -> str:
    """Return the service session that is open, or was last; empty where none is known."""
    return (record.open_session or next(reversed(record.closed_sessions), "")) if record is not None else ""


def _once(deed: ForDesk, offered: Offered) -> ForDesk:
    """Return what the desk gets, once for what was offered."""
    return replace(deed, answers=offered.mark)
