"""
Replying: what a person sees of what they did.

A private line, which nobody else sees, or a change of the message whose button they pressed: what was chosen stands in
the place of what could be. Neither is owed to anybody: one that Slack does not take is logged, and everything else goes
on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog

from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_BLOCKS, note
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
from slackkefu.bridge.sentences import label, say
from slackkefu.errors import SlackApiError, SlackkefuError
from slackkefu.slack.envelope import Interaction
from slackkefu.slack.fields import text_at
from slackkefu.slack.interaction import response_url_of
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.bridge.languages import Languages
    from slackkefu.bridge.sentences import Sentence
    from slackkefu.slack.ids import ChannelId, Ts
    from slackkefu.slack.interaction import Click
    from slackkefu.slack.views import Views
    from slackkefu.slack.web import WebClient

__all__ = ["Replying", "without"]

log = structlog.get_logger()

DONE: Final = "✅ "
MAX_UPDATE: Final = 4000
"""Characters of a changed message's text (facts/slack.md §8)."""


@final
class Replying:
    """
    Replies to who did something.

    Args:
        web: Slack's Web API.
        views: Answers by ``response_url``.
        languages: What people are spoken to in.
        is_taken_back: Whether a post is of a message that its agent has taken back.

    """

    def __init__(
        self, *, web: WebClient, views: Views, languages: Languages, is_taken_back: Callable[[str, str], bool]
    ) -> None:
        self._web = web
        self._views = views
        self._languages = languages
        self._is_taken_back = is_taken_back

    async def locale(self, act: Act) -> str:
        """Return what to speak to who did it in."""
        doing = act.doing
        user = doing.user if isinstance(doing, Interaction) else None
        return await self._languages.of(act.installation, user) if user else self._languages.default

    async def privately(
        self, act: Act, sentence: Sentence, *, channel: ChannelId | None = None, thread_ts: Ts | None = None
    ) -> None:
        """
        Say *sentence* to who did it, seen by nobody else.

        Args:
            act: What they did.
            sentence: What to say.
            channel: Where, if the act does not say.
            thread_ts: In which thread.

        """
        doing = act.doing
        if not isinstance(doing, Interaction):
            return
        text = say(sentence, locale=await self.locale(act))
        try:
            url = response_url_of(doing)
            if url:
                # A response_url works also where the app may not post (facts/slack.md §11).
                await self._views.answer(url, {"response_type": "ephemeral", "replace_original": False, "text": text})
                return
            where = channel or doing.channel
            if where and doing.user:
                arguments = {"channel": where, "user": doing.user, "thread_ts": thread_ts, "text": text}
                token = act.installation.bot_token
                await self._web.call("chat.postEphemeral", arguments, token=token, channel=where)
        except SlackkefuError as error:
            log.info("deeds.not_said", sentence=sentence.name.lower(), problem=str(error))

    async def show_chosen(self, act: Act, click: Click, offered: Offered, chosen: str) -> None:
        """Show in the message of a click what was chosen, in the place of the elements."""
        await self._show(act, click, offered, DONE + chosen)

    async def show_over(self, act: Act, click: Click, offered: Offered, sentence: Sentence) -> None:
        """Show in the message of a click that its elements are dead."""
        await self._show(act, click, offered, label(sentence, locale=await self.locale(act)))

    async def _show(self, act: Act, click: Click, offered: Offered, line: str) -> None:
        doing = act.doing
        if not isinstance(doing, Interaction) or not doing.channel or click.message_ts is None:
            return
        blocks = (*without(click.blocks, offered)[: MAX_BLOCKS - 1], note(line))
        await self.change(act, doing.channel, click.message_ts, f"{click.text}\n{escape(line)}".strip(), blocks)

    async def change(self, act: Act, channel: ChannelId, ts: Ts, text: str, blocks: tuple[Block, ...]) -> None:
        """Change a message of ours; one whose blocks Slack does not take back gets its text alone."""
        if self._is_taken_back(channel, ts):
            log.info("deeds.not_shown", channel=channel, ts=ts, problem="recalled")
            return
        token = act.installation.bot_token
        arguments = {"channel": channel, "ts": ts, "text": text[:MAX_UPDATE]}
        try:
            try:
                await self._web.call("chat.update", {**arguments, "blocks": list(blocks)}, token=token)
            except SlackApiError as error:
                log.info("deeds.not_shown", channel=channel, ts=ts, problem=str(error))
                await self._web.call("chat.update", {**arguments, "blocks": []}, token=token)
        except SlackkefuError as error:
            log.info("deeds.not_shown", channel=channel, ts=ts, problem=str(error), meaning="its buttons stay")


def without(blocks: tuple[Mapping[str, object], ...], offered: Offered) -> tuple[Block, ...]:
    """Return *blocks* but for the elements of what was offered, as Slack takes them back."""
    return tuple(_taken_back(block) for block in blocks if not _belongs(block, offered))


def _belongs(block: Mapping[str, object], offered: Offered) -> bool:
    named = Offered.read(text_at(block, "block_id"))
    return named is not None and named.mark == offered.mark


def _taken_back(block: Mapping[str, object]) -> Block:
    """Return a block without what Slack has added to it: sizes of a picture it has fetched."""
    if block.get("type") != "image":
        return block
    return {name: block[name] for name in ("type", "block_id", "image_url", "alt_text") if name in block}
