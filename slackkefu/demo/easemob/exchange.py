"""
Who is online, and where a message goes.

The exchange gives messages their ids and puts them into the mailboxes of those they are for; devices online are told
by a NOTICE, and programs in this process (the desk) are called directly. No I/O: a device is anything with the four
calls of :class:`Device`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Final, Protocol, final

from slackkefu.demo.easemob.ledger import Accepted, Disturbed, Noticed, Overflowed
from slackkefu.demo.easemob.mailbox import Mailbox, Meta, Queue
from slackkefu.demo.easemob.strays import STRAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.easemob.faults import Faults
    from slackkefu.demo.easemob.ledger import Ledger
    from slackkefu.demo.easemob.switches import Switches

__all__ = ["CHAT", "Device", "Exchange", "Sending", "Taken"]

CHAT: Final = 1
FIRST_ID: Final = 1 << 60
"""Well beyond 2^53, whatever the clock says (facts/msync.md §1.3)."""
REMEMBERED_IDS: Final = 10_000
"""Client ids remembered for repeats, over all users."""


class Device(Protocol):
    """One login of a user."""

    user: str
    resource: str
    uuid: str
    name: str

    def notice(self, queue: Queue, peer_resource: str) -> None:
        """Say that something waits in *queue*."""
        ...

    def kick(self, operation: int, reason: str) -> None:
        """End the login with a STATISTIC (facts/msync.md §9)."""
        ...

    def cut(self, why: str) -> None:
        """End the connection without a word."""
        ...


@dataclass(frozen=True, slots=True)
class Sending:
    """What a user asks to have delivered."""

    sender: str
    sender_resource: str
    to: str
    payload: bytes
    namespace: int = CHAT
    client_id: int | None = None
    """``Meta.id`` as the client chose it; None for REST and programs in this process."""
    online_only: bool = False
    copy_to_own: bool = True
    """Other devices of the sender get a copy."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A sending that was accepted."""

    meta: Meta
    repeated: bool


@final
class Exchange:
    """The switchboard of one app."""

    def __init__(self, *, switches: Switches, faults: Faults, ledger: Ledger, wall: Callable[[], float]) -> None:
        self._switches = switches
        self._faults = faults
        self._ledger = ledger
        self._wall = wall
        self._last_id = 0
        self._mailboxes: dict[str, Mailbox] = {}
        self._devices: dict[str, list[Device]] = {}
        self._programs: dict[str, Callable[[Meta], None]] = {}
        self._seen: dict[tuple[str, int], Meta] = {}
        self._strays = cycle(STRAYS)

    # Who is here.

    def mailbox(self, user: str) -> Mailbox:
        """Return the mailbox of *user*, which comes into being by being asked for."""
        return self._mailboxes.setdefault(user.lower(), Mailbox())

    def forget(self, user: str) -> None:
        """Drop what waits for *user*, who was removed."""
        self._mailboxes.pop(user.lower(), None)

    def devices(self, user: str) -> tuple[Device, ...]:
        """Return the devices of *user* that are online, the longest online first."""
        return tuple(self._devices.get(user.lower(), ()))

    def everyone(self) -> tuple[Device, ...]:
        """Return all devices online."""
        return tuple(device for devices in self._devices.values() for device in devices)

    def is_online(self, user: str) -> bool:
        """Tell whether *user* has a device online or is a program in this process."""
        return bool(self.devices(user)) or user.lower() in self._programs

    def connect(self, device: Device) -> None:
        """Put a device online."""
        self._devices.setdefault(device.user, []).append(device)

    def disconnect(self, device: Device) -> None:
        """Take a device offline, if it is still online."""
        devices = self._devices.get(device.user, [])
        if device in devices:
            devices.remove(device)
        if not devices:
            self._devices.pop(device.user, None)
        if all(other.resource != device.resource for other in devices):
            self.mailbox(device.user).gone(device.resource)

    def attach(self, user: str, receive: Callable[[Meta], None]) -> None:
        """Let a program in this process be *user*: *receive* is called with every meta for it."""
        self._programs[user.lower()] = receive

    # Messages.

    def next_id(self) -> int:
        """Return a new server id: rising, beyond what a float holds, and with room for a stray before it."""
        self._last_id = max(self._last_id + 2, FIRST_ID + (self.now_ms() << 10))
        return self._last_id

    def now_ms(self) -> int:
        """Return the server's time in milliseconds."""
        return int(self._wall() * 1000)

    def take(self, sending: Sending) -> Taken:
        """Accept a message and give it its id; :meth:`deliver` sends it on."""
        known = None
        if sending.client_id is not None:
            known = self._seen.get((sending.sender, sending.client_id))
        if known is not None and self._switches.repeated_id == "recognised":
            return Taken(known, repeated=True)
        meta = Meta(
            self.next_id(),
            sending.sender,
            sending.sender_resource,
            sending.to.lower(),
            self.now_ms(),
            sending.namespace,
            sending.payload,
            online=self.is_online(sending.to),
        )
        if sending.client_id is not None:
            self._seen[sending.sender, sending.client_id] = meta
            if len(self._seen) > REMEMBERED_IDS:
                del self._seen[next(iter(self._seen))]
        return Taken(meta, repeated=known is not None)

    def deliver(self, sending: Sending, taken: Taken, *, acknowledged: bool = True) -> None:
        """Put an accepted message where it belongs, and write it down."""
        meta = taken.meta
        self._ledger.write(
            Accepted(meta.sender, meta.to, sending.client_id, meta.id, taken.repeated, acknowledged=acknowledged)
        )
        if taken.repeated and self._switches.repeated_id == "recognised":
            return
        if sending.copy_to_own and self._switches.carbons:
            others = [device for device in self.devices(meta.sender) if device.resource != meta.sender_resource]
            self._store(meta.sender, Queue(meta.to), meta, others, copy=True)
        self.put(meta, online_only=sending.online_only)

    def put(self, meta: Meta, *, online_only: bool = False) -> None:
        """Put *meta* into its receiver's queue for the sender's conversation, and tell whoever is there."""
        program = self._programs.get(meta.to)
        devices = list(self.devices(meta.to))
        if devices or not (program or online_only):
            if self._switches.stray_metas:
                namespace, payload = next(self._strays)
                stray = replace(meta, id=meta.id - 1, namespace=namespace, payload=payload)
                self._store(meta.to, Queue(meta.sender), stray, devices)
            self._store(meta.to, Queue(meta.sender), meta, devices)
        if program is not None:
            program(meta)

    def _store(self, user: str, queue: Queue, meta: Meta, devices: list[Device], *, copy: bool = False) -> None:
        """Keep *meta* for *user* and send the NOTICEs."""
        dropped = self.mailbox(user).store(queue, meta, [device.resource for device in devices], copy=copy)
        if dropped is not None:
            self._ledger.write(Overflowed(user, dropped.id))
        for device in devices:
            if self._faults.take("lost_notices"):
                self._ledger.write(Disturbed(user, "notice lost"))
            else:
                self._ledger.write(Noticed(user, device.resource, queue.name))
                device.notice(queue, meta.sender_resource)
