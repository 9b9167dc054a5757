"""
What the facts leave open, as switches, and what Slack may set at will, as numbers.

A client that works with every position of every switch depends on nothing that is not promised. Each switch names the
place in facts/slack.md that leaves it open.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

__all__ = ["Addresses", "Switches", "Timing"]


@dataclass(frozen=True, slots=True)
class Switches:
    """One reading of the facts."""

    # Socket Mode (facts/slack.md §1, §2).
    ticket_works_twice: bool = False
    """Whether the URL of ``apps.connections.open`` is good for a second connection (§1 ``[?]``)."""
    any_connection_acknowledges: bool = True
    """Whether an acknowledgement counts on another connection than the one that delivered (§1 ``[?]``)."""
    late_acknowledgement_counts: bool = False
    """Whether an acknowledgement after the deadline stops the retries (not stated)."""
    warning_before_refresh: bool = True
    """Whether ``warning`` comes before ``refresh_requested`` (§1: it may be missing)."""
    says_connection_time: bool = True
    """Whether ``hello`` carries ``approximate_connection_time`` (§1: debug information)."""
    buttons_take_answer: bool = False
    """``accepts_response_payload`` of ``block_actions`` (§1: D says true, S says false)."""
    disabled_link_error: str = ""
    """
    What ``apps.connections.open`` answers while Socket Mode is off (§1: it does not help).

    Empty: it hands out a URL, and the connection gets ``link_disabled`` instead of ``hello``.
    """
    spread: Literal["random", "round_robin"] = "random"
    """Which of the open connections gets a payload (§1: no pattern may be assumed)."""
    delayed_events: bool = False
    """Whether an event is tried again hourly for a day after its three retries (§2; for Socket Mode ``[?]``)."""

    # Events (facts/slack.md §3, §4).
    mention_order: Literal["message_first", "mention_first", "random"] = "random"
    """Which of ``message`` and ``app_mention`` comes first (§2: any order)."""
    authorization: Literal["first", "random"] = "first"
    """Which of several installations ``authorizations`` names (§3: exactly one, whichever)."""
    retry_authorization: Literal["same", "next"] = "same"
    """Whether a retry names the same of several installations, or another (not stated)."""
    access_names_organisation: bool = True
    """Whether ``team_access_granted`` and ``_revoked`` say outside which organisation it is (§3: not stated)."""
    coming_shows: bool = True
    leaving_shows: bool = True
    """Whether a channel shows a line of who has come into it, and left it (§4: the subtypes, not when)."""
    unsharing_tells: bool = True
    """Whether a channel's new id after the end of sharing is told by ``channel_id_changed`` (§5: on sharing)."""
    org_author: Literal["organisation", "workspace", "random"] = "organisation"
    """What ``user_team`` is of somebody of an organisation (§13: a ``T`` or an ``E`` id)."""
    uninstall_order: Literal["revoked_first", "uninstalled_first", "random"] = "random"
    """Which of ``tokens_revoked`` and ``app_uninstalled`` comes first (§3: any order)."""
    echoes_posts: bool = True
    """Whether the app's own posts, edits and deletions come back as events (§4)."""
    echo_carries_metadata: bool = False
    """Whether such an event shows the post's ``metadata`` (not stated)."""
    profile_in_events: bool = False
    """Whether messages of the own workspace carry ``user_profile``; those of foreigners always do (§13)."""
    team_in_events: bool = False
    """Whether messages of the own workspace carry ``user_team`` and ``source_team`` (§13: fields, not when)."""

    # Web API (facts/slack.md §8, §9, §10).
    replies_readable: bool = True
    """Whether a bot token reads threads of channels by ``conversations.replies`` (§8 contradicts itself)."""
    strict_history: bool = False
    """One call a minute and 15 messages a call for ``history`` and ``replies`` (§10: foreign companies' workspaces)."""
    strict_limit_refused: bool = False
    """Whether asking for more messages a call than are given is refused (``invalid_limit``), not cut (not stated)."""
    history_pages: Literal["backward", "forward"] = "backward"
    """Which messages of a window with ``oldest`` alone come first, its newest or its oldest (not stated)."""
    history_lag_s: float = 0.0
    """How long a new message is missing from ``history`` and ``replies`` (not stated)."""
    unknown_threads: bool = False
    """Whether a post into a thread whose root nobody knows is taken instead of ``thread_not_found`` (§9)."""
    reply_opens_thread: bool = False
    """Whether a reply's own ``ts`` is taken as ``thread_ts`` instead of ``cannot_reply_to_message`` (§5, §9)."""
    second_completion: Literal["refused", "ignored"] = "refused"
    """What a file says that is completed once more: an error, or "ok" without another share (§7: only once)."""
    new_file_known: bool = False
    """Whether ``files.info`` knows a file that is not completed yet (not stated)."""
    says_file_length: bool = True
    """Whether a download says how long it is (§7: not stated)."""
    dead_token_error: Literal["account_inactive", "token_revoked", "invalid_auth"] = "account_inactive"
    """What a token answers after the app was removed (§9)."""
    superseded_token_error: Literal["token_revoked", "invalid_auth"] = "token_revoked"
    """What the oldest of three bot tokens answers, two being good at a time (§12; not stated)."""
    grace_gives: Literal["same", "another"] = "same"
    """What a refresh token gives a second time, while it still works: the pair it gave, or one more (not stated)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take at Slack's; seconds (facts/slack.md §1, §2)."""

    acknowledge_s: float = 3.0
    """How long an envelope waits for its acknowledgement."""
    retries_s: tuple[float, ...] = (0.1, 60.0, 300.0)
    """How long after a failed delivery an event is tried again; then it is given up."""
    life_s: float = 18_060.0
    """How long a connection lives before ``refresh_requested``."""
    warning_s: float = 10.0
    """How long before that ``warning`` comes; in a short life, at half of it."""
    close_s: float = 10.0
    """How long after ``refresh_requested`` the connection is closed, whatever the client does."""
    ping_s: float = 10.0
    """How often the server pings."""
    unheard_s: float = inf
    """How long a connection is kept on which nothing is heard, pongs included (§1, ghosts: not known)."""
    ticket_s: float = 30.0
    """How long the URL of ``apps.connections.open`` is good."""
    share_s: float = 0.0
    """How long after its completion a file appears in its conversation, and in ``shares`` (§7: asynchronously)."""
    token_s: float = 43_200.0
    """How long a bot token lives, where the app has token rotation (§12)."""
    refresh_grace_s: float = 60.0
    """How long a refresh token still works after its first use (§12: a short grace period)."""
    max_connections: int = 10
    """How many connections one app may have."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the fake is found; the defaults are the names real clients know, for networks made in memory."""

    api: str = "https://slack.com/api/"
    files: str = "https://files.slack.com/"
    hooks: str = "https://hooks.slack.com/"
    socket: str = "wss://wss-primary.slack.com/link/"

    @classmethod
    def loopback(cls, *, http_port: int, socket_port: int, host: str = "127.0.0.1") -> Addresses:
        """Return the addresses of servers on this machine, without TLS."""
        http = f"http://{host}:{http_port}/"
        return cls(api=f"{http}api/", files=http, hooks=http, socket=f"ws://{host}:{socket_port}/link/")
