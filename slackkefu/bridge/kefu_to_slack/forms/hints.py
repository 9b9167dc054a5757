"""Hints: buttons that lead to a human, to a note, or away from a video call (facts/kefu.md §1.7, §1.9, §2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_VALUE, actions, button, clip
from slackkefu.bridge.kefu_to_slack.forms.menu import NOTE
from slackkefu.bridge.kefu_to_slack.forms.offered import ANSWER, write_value
from slackkefu.bridge.sentences import Sentence, label
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk

if TYPE_CHECKING:
    from slackkefu.bridge.kefu_to_slack.forms.blocks import Block
    from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
    from slackkefu.easemob.message import Json
    from slackkefu.kefu.fields import Id
    from slackkefu.kefu.offers import TransferOffer

__all__ = ["call_row", "note_row", "to_human", "transfer_row"]

_TO_HUMAN: Final = "TransferToKf"


def to_human(action: str = _TO_HUMAN, *, hint_id: Id | None = None, session_id: Id | None = None) -> ForDesk:
    """Return the wish for a human; without a hint it is the one of the official client's toolbar."""
    if hint_id is None and session_id is None:
        return ForDesk(action=action)
    arguments: dict[str, Json] = {"id": hint_id, "serviceSessionId": session_id}
    return ForDesk(action=action, ext={"weichat": {"ctrlArgs": arguments}})


def transfer_row(offer: TransferOffer, offered: Offered) -> Block | None:
    """Return the button that leads to a human; None where what it has to carry is too long."""
    deed = to_human(offer.action, hint_id=offer.hint_id, session_id=offer.service_session_id)
    return _row(clip(offer.label), deed, offered, is_primary=True)


def note_row(offered: Offered, *, locale: str) -> Block:
    """Return the button that opens the form for a note."""
    return actions(offered.block_id(), [button(NOTE, label(Sentence.LEAVE_A_NOTE, locale=locale), NOTE)])


def call_row(call_id: Id, offered: Offered, *, locale: str) -> Block | None:
    """Return the button that declines a video call, so that the desk stops ringing."""
    ext: dict[str, Json] = {
        "type": "agorartcmedia/video",
        "msgtype": {"visitorRejectInvitation": {"callId": call_id}},
    }
    return _row(label(Sentence.DECLINE, locale=locale), ForDesk(action="Agorartcmedia", ext=ext), offered)


def _row(label: str, deed: ForDesk, offered: Offered, *, is_primary: bool = False) -> Block | None:
    value = write_value(deed)
    if len(value) > MAX_VALUE:
        return None
    return actions(offered.block_id(), [button(f"{ANSWER}:0", label, value, is_primary=is_primary)])
