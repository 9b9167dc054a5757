"""The queues of one user: what waits, what is acknowledged, what comes again."""

from __future__ import annotations

from slackkefu.demo.easemob.mailbox import OFFLINE_LIMIT, Cursor, Mailbox, Meta, Queue

DESK = Queue("kefu_service")


def meta(number: int) -> Meta:
    """Return a meta with a realistic id."""
    return Meta((1 << 60) + number, "kefu_service", "", "mia", 0, 1, b"")


def ids(*numbers: int) -> tuple[int, ...]:
    """Return realistic ids."""
    return tuple((1 << 60) + number for number in numbers)


def filled(count: int, *devices: str) -> Mailbox:
    """Return a mailbox with so many metas, for those devices."""
    mailbox = Mailbox()
    for number in range(1, count + 1):
        mailbox.store(DESK, meta(number), devices)
    return mailbox


def handed(mailbox: Mailbox, device: str, cursor: Cursor, *, after: int = 0, size: int = 10) -> tuple[int, ...]:
    """Pull one page; return its ids."""
    return tuple(item.id for item in mailbox.page(device, DESK, cursor, after=after, size=size).metas)


def test_a_page_is_not_an_acknowledgement() -> None:
    """What was handed out waits on until a pull moves past it with its key."""
    mailbox = filled(2)
    cursor = Cursor()

    assert ids(1, 2) == handed(mailbox, "one", cursor)
    assert 2 == mailbox.unread()
    assert ids(1, 2) == mailbox.acknowledge("one", DESK, cursor, ids(2)[0])
    assert 0 == mailbox.unread()
    assert () == handed(mailbox, "one", cursor)


def test_pages_end_with_their_key() -> None:
    """Each page names the id of its last meta as key, and says when nothing waits behind it."""
    mailbox, cursor = filled(3), Cursor()
    first = mailbox.page("one", DESK, cursor, after=0, size=2)
    second = mailbox.page("one", DESK, cursor, after=first.next_key, size=2)
    third = mailbox.page("one", DESK, cursor, after=second.next_key, size=2)

    assert (ids(2)[0], False) == (first.next_key, first.last)
    assert (ids(3)[0], True) == (second.next_key, second.last)
    assert ((), 0, True) == (third.metas, third.next_key, third.last)


def test_a_key_acknowledges_only_what_was_handed_out() -> None:
    """A key from elsewhere does not move past what this connection has not been given."""
    mailbox, cursor = filled(3), Cursor()
    handed(mailbox, "one", cursor, size=1)

    assert ids(1) == mailbox.acknowledge("one", DESK, cursor, 1 << 62)
    assert 2 == mailbox.unread()


def test_an_unacknowledged_page_comes_again_after_a_reconnect() -> None:
    """A new connection of the same device, or another device, is handed it again."""
    mailbox = filled(1, "one")
    handed(mailbox, "one", Cursor())
    mailbox.gone("one")

    assert ids(1) == handed(mailbox, "one", Cursor())
    assert ids(1) == handed(mailbox, "two", Cursor())


def test_each_device_online_acknowledges_for_itself() -> None:
    """What one device has read still waits for the other that was online."""
    mailbox = filled(1, "one", "two")
    cursor = Cursor()
    handed(mailbox, "one", cursor)
    mailbox.acknowledge("one", DESK, cursor, ids(1)[0])

    assert () == mailbox.waiting("one")
    assert ((DESK, 1),) == mailbox.waiting("two")
    assert 0 == mailbox.unread()
    assert () == mailbox.waiting("three")


def test_what_another_device_has_read_does_not_wait_for_one_that_left() -> None:
    """Once a device is gone, what others acknowledged is done."""
    mailbox = filled(1, "one", "two")
    cursor = Cursor()
    handed(mailbox, "one", cursor)
    mailbox.acknowledge("one", DESK, cursor, ids(1)[0])
    mailbox.gone("two")

    assert () == mailbox.waiting("two")


def test_copies_are_for_the_devices_online_only() -> None:
    """A copy of what the user sent waits for no device that comes later, and is not counted as unread."""
    mailbox = Mailbox()
    mailbox.store(DESK, meta(1), ["two"], copy=True)
    mailbox.store(DESK, meta(2), [], copy=True)

    assert ((DESK, 1),) == mailbox.waiting("two")
    assert () == mailbox.waiting("three")
    assert 0 == mailbox.unread()
    mailbox.gone("two")

    assert () == mailbox.waiting("two")


def test_the_oldest_makes_room() -> None:
    """Over 500 waiting messages the oldest of all conversations is dropped (facts/easemob-rest.md §9.3)."""
    mailbox = Mailbox()
    mailbox.store(Queue("somebody"), meta(0), [])
    for number in range(1, OFFLINE_LIMIT):
        mailbox.store(DESK, meta(number), [])
    dropped = mailbox.store(DESK, meta(OFFLINE_LIMIT), [])

    assert meta(0) == dropped
    assert OFFLINE_LIMIT == mailbox.unread()
    assert ((DESK, OFFLINE_LIMIT),) == mailbox.waiting("one")


def test_delivery_can_be_asked_for() -> None:
    """A message counts as delivered when some device has acknowledged it."""
    mailbox, cursor = filled(1), Cursor()

    assert not mailbox.delivered(ids(1)[0])
    handed(mailbox, "one", cursor)
    mailbox.acknowledge("one", DESK, cursor, ids(1)[0])

    assert mailbox.delivered(ids(1)[0])
