"""
Every open question of the facts, as a switch.

Nobody could ask a real Easemob server. Where the facts carry a ``?`` or two official clients disagree, the fake can
behave in each of the ways that the sources allow, and the tests run all of them. A default is the reading with the
most support, and one that the official JavaScript client is happy with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Switches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How this Easemob behaves; one field for each open point, with the section that raises it."""

    # Discovery.

    websocket_section: Literal["msync-wx", "msync-ws", "msync"] = "msync-wx"
    """Under which key the discovery answer lists the WebSocket hosts (facts/msync.md §2.2)."""
    numbers_as_text: bool = False
    """``port`` and ``priority`` of a discovered host are JSON strings (facts/msync.md §2.2)."""

    # Tokens and users over REST.

    inherit: bool = True
    """The cluster knows ``grant_type: inherit``; it came after 2017 (facts/easemob-rest.md §4.2)."""
    milliseconds: bool = False
    """``ttl`` and ``expires_in`` are milliseconds, as on cluster VIP 5 (facts/easemob-rest.md §1.3)."""
    token_life_s: float = 5_184_000
    """Life of a token asked for without ``ttl``: a console setting (facts/easemob-rest.md §3)."""
    permanent_expires_in: int = 0
    """``expires_in`` of a token with ``ttl: 0``, which is not documented (facts/easemob-rest.md §3)."""
    one_app_token: bool = False
    """A new app token ends the older ones; nothing documents it either way (facts/easemob-rest.md §3)."""
    creation_s: float = 0.0
    """How long creating a user takes; a second call for it meanwhile is a 409 (facts/easemob-rest.md §4.2)."""
    names_kept: bool = False
    """REST answers show a name as first registered, as in 2015, not lower-cased (facts/easemob-rest.md §5.1)."""
    password_required: bool = True
    """Authorised registration needs a password (facts/easemob-rest.md §5.2)."""
    batch_refused_whole: bool = False
    """A batch registration with one existing user registers nobody (facts/easemob-rest.md §5.2)."""
    plan_users: int | None = None
    """
    Registered users that the plan allows, 100 on the free one; then ``resource_limited`` (facts/easemob-rest.md
    §12.2).
    """
    calls_per_second: int | None = None
    """REST calls allowed each second; 100 today, 30 in 2015 (facts/easemob-rest.md §12.1)."""
    limit_status: Literal[429, 503] = 429
    """What answers a call over the limit: 503 without a body in 2017 style (facts/easemob-rest.md §2.2)."""
    unknown_removal: Literal[404, 400] = 404
    """
    How the removal of an unknown user is refused: ``service_resource_not_found`` or ``management``
    (facts/easemob-rest.md §5.3).
    """
    mail_outlives_user: bool = False
    """What waits for a user is there again when one of the same name is made; nothing documents it either way."""
    unknown_app_status: Literal[404, 400] = 404
    """What answers an unknown app: 400 in 2015 (facts/easemob-rest.md §14)."""
    offline_count: bool = True
    """
    ``offline_msg_count`` is offered; otherwise 500 ``unsupported_service_operation`` (facts/easemob-rest.md §2.3).
    """
    send_form: Literal["both", "2017"] = "both"
    """Whether ``POST /messages/users`` exists beside ``POST /messages`` (facts/easemob-rest.md §6.3)."""
    restricts: Literal["value", "presence", "nothing"] = "value"
    """
    What makes an upload need its ``share-secret``: the value of ``restrict-access``, the header alone as in 2015, or
    nothing, where the feature was not opened (facts/easemob-rest.md §7.1).
    """
    open_file_secret: bool = False
    """An upload without ``restrict-access`` gets a ``share-secret`` as well (facts/easemob-rest.md §7.1)."""

    # Login.

    dollar_prefix: Literal["required", "refused", "either"] = "either"
    """Which spelling of the token in PROVISION is good: ``$t$…`` or the bare one (facts/msync.md §5)."""
    token_refusals: Literal["reason", "status"] = "reason"
    """A bad token is status 1 with a reason, or status 6 and 2 (facts/msync.md §6)."""
    expires_in: Literal["ms", "s", "relative", "absent"] = "ms"
    """``expires_in`` of the login answer: absolute ms, absolute s, seconds from now, or none (facts/msync.md §5)."""
    token_replaced: bool = False
    """The login answer carries another token than the one sent; the Go client takes it over (facts/msync.md §5)."""
    same_resource: Literal["kicked", "closed"] = "kicked"
    """
    How the older of two logins with one resource ends: told by STATISTIC 2, or its socket just closed
    (facts/msync.md §1.7).
    """
    max_devices: int = 4
    """Devices of one user that may be online (facts/msync.md §5)."""
    too_many_devices: Literal["oldest out", "newest out", "refused"] = "oldest out"
    """
    Over the limit an older device is pushed out, which one is unknown, or the login refused with 13 (facts/msync.md
    §5).
    """
    logout_reply: bool = True
    """LOGOUT is answered before the socket closes; the web client does not wait for it (facts/msync.md §9)."""
    kick: Literal["queue", "unrequested"] = "queue"
    """A kick waits in the system queue after a NOTICE, or comes as a batch nobody asked for (facts/msync.md §9)."""
    idle_limit_s: float | None = None
    """A connection that sends nothing for so long is closed; the limit is unknown (facts/msync.md §9)."""

    # Receiving.

    page_size: int = 20
    """Metas in one pulled page; not published (facts/msync.md §7)."""
    pull_without_key: Literal["repeats", "empty"] = "repeats"
    """
    A second pull without key on one connection repeats what is unacknowledged, or brings nothing (facts/msync.md
    §7.3).
    """
    last_with_metas: bool = False
    """The last page says ``is_last`` beside its metas, not only the empty page after it (facts/msync.md §7.3)."""
    end_of_queue: Literal["is_last", "zero key"] = "is_last"
    """What an empty page carries: ``is_last`` or ``next_key`` 0 (facts/msync.md §7.1)."""
    resource_in: Literal["neither", "notice", "page"] = "neither"
    """Whether a queue's JID carries the peer's resource, in NOTICE or in the pulled page (facts/msync.md §7.2)."""
    status_in_pages: bool = True
    """
    Pages and UNREAD replies carry a status (facts/msync.md §5 names the login reply only). The JavaScript client reads
    nothing without it, so a server that leaves it out is not likely.
    """
    zlib: bool = False
    """Payloads after the login are zlib-compressed; official clients never ask for it (facts/msync.md §3)."""
    stray_metas: bool = False
    """
    Metas of other namespaces, of unknown types and undecodable ones lie between the messages (facts/msync.md §7.3,
    §10).
    """
    online_mark: bool = False
    """``Meta.meta`` says whether a message was delivered live or from storage (facts/msync.md §7.4)."""
    carbons: bool = True
    """What one device sends is copied to the user's other devices (facts/msync.md §5)."""

    # Sending.

    repeated_id: Literal["recognised", "new message"] = "recognised"
    """A ``Meta.id`` sent again is the same message, or another one (facts/msync.md §8)."""
    max_message_bytes: int = 5120
    """Text, ext and the rest of one message: 3 KB or 5 KB (facts/msync.md §1.11)."""
