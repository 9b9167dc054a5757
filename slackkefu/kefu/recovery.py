"""
What to do after an error of the desk's own API.

Whether to make a call again is decided here and nowhere else; what becomes of a message after that, in
:func:`slackkefu.easemob.recovery.after_send`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from slackkefu.errors import ConnectFailed, KefuOutcomeUnknown

if TYPE_CHECKING:
    from slackkefu.errors import MediaUnavailable, SlackkefuError

__all__ = ["after_fetch", "after_send_call"]


FETCHES: Final = 8
"""How often a file is asked for before a link must do: about four minutes, for the visitor's next words wait for it."""


def after_fetch(error: MediaUnavailable, *, failures: int) -> float | None:
    """
    Say when to fetch a file again.

    What may pass (no connection, no whole answer, 5xx, a full disk) is tried :data:`FETCHES` times, after 1 s, 2 s, 4 s
    and so on up to a minute; all else not at all.

    Args:
        error: What fetching raised.
        failures: How often that was, this time included.

    Returns:
        Seconds until the next attempt, or None.

    """
    return min(2.0 ** (failures - 1), 60.0) if error.is_passing and failures < FETCHES else None


def after_send_call(error: SlackkefuError, *, failures: int) -> float | None:
    """
    Say when to send the same message again: the rule for the few seconds that its caller waits.

    A message carries its ``msg_id_for_ack``, and the desk recognises it by that (facts/kefu.md §3.2).

    * No connection: after a second, once.
    * No usable answer: after 1 s and 2 s.
    * A refusal, or an API that is not there: not at all.

    Args:
        error: What the call raised.
        failures: How often this call has failed, this time included.

    Returns:
        Seconds until the next attempt, or None.

    """
    if isinstance(error, KefuOutcomeUnknown):
        return float(failures) if failures <= 2 else None
    return 1.0 if isinstance(error, ConnectFailed) and failures <= 1 else None
