"""When which queue is pulled, and with which key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.easemob.message import Batch, IncomingOther
from slackkefu.easemob.names import Queue
from slackkefu.easemob.queues import MAX_METAS, MAX_QUEUES, MAX_REPEATS, Ask, Queues
from slackkefu.easemob.wire import PullReply, Status
from slackkefu.errors import LocalProtocolError
from tests.easemob.playbook import KEFU, SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable


def page(*ids: int, key: int = 0, last: bool = False, queue: Queue | None = KEFU) -> PullReply:
    """Return the answer to a pull, with metas of these ids."""
    metas = tuple(IncomingOther(meta_id, "notify") for meta_id in ids)
    return PullReply(Status(), queue, metas, key, last, None)


def given_ids(answer: Ask | Batch | None) -> list[int]:
    """Return the meta ids of a batch."""
    assert isinstance(answer, Batch)
    return [meta.meta_id for meta in answer.metas]


def test_a_queue_is_pulled_to_its_end() -> None:
    """Batch by batch with its own key, until one is empty."""
    queues = Queues()

    assert Ask(KEFU, 0) == queues.noticed(KEFU, 1)
    assert [1, 2] == given_ids(queues.replied(page(1, 2, key=2), 2))
    assert Ask(KEFU, 2) == queues.pull_on(KEFU, 3)
    assert [3] == given_ids(queues.replied(page(3, key=3, last=True), 4))
    assert [False] == [queues.pulled]
    assert Ask(KEFU, 3) == queues.pull_on(KEFU, 5)
    assert 5 == queues.waiting_since
    assert None is queues.replied(page(key=3, last=True), 6)
    assert queues.pulled
    assert None is queues.waiting_since


@pytest.mark.parametrize("end", [page(), page(last=True), page(key=2), page(key=9, last=True)])
def test_an_empty_page_ends_a_queue(end: PullReply) -> None:
    """No metas end it: with no key, as the last page, or with the key that was asked with."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.replied(page(1, key=2), 0)
    queues.pull_on(KEFU, 0)

    assert None is queues.replied(end, 0)
    assert queues.pulled


def test_an_empty_page_in_between_is_pulled_past() -> None:
    """No metas, but another key and more to come: the rest lies behind that key."""
    queues = Queues()
    queues.noticed(KEFU, 0)

    assert Ask(KEFU, 5) == queues.replied(page(key=5), 0)


def test_a_batch_without_a_key_cannot_be_acknowledged() -> None:
    """With next key 0 nothing is pulled after the batch; the next pull still knows the older key."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.replied(page(1, key=4), 0)
    queues.pull_on(KEFU, 0)

    assert [2] == given_ids(queues.replied(page(2), 0))
    assert None is queues.pull_on(KEFU, 0)
    assert Ask(KEFU, 4) == queues.noticed(KEFU, 0)


def test_a_notice_during_a_pull_pulls_once_more() -> None:
    """However many notices come during a pull, one more pull follows."""
    queues = Queues()
    queues.noticed(KEFU, 0)

    assert [None, None] == [queues.noticed(KEFU, 0), queues.noticed(KEFU, 0)]
    assert Ask(KEFU, 0) == queues.replied(page(), 0)
    assert None is queues.replied(page(), 0)


def test_a_notice_while_a_batch_is_in_work_is_answered_by_its_acknowledgement() -> None:
    """The pull that acknowledges brings what was noticed meanwhile; without a key one more pull is made."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.replied(page(1, key=1), 0)

    assert None is queues.noticed(KEFU, 0)
    assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)
    assert [2] == given_ids(queues.replied(page(2), 0))
    queues.noticed(KEFU, 0)
    assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)


def in_work(*ids: int, listed: int = 0) -> Queues:
    """Return queues of which one has a batch in work that was looked through, pulled since so many were listed."""
    queues = Queues()
    queues.listed(KEFU, listed, 0)
    queues.replied(page(*ids, key=1), 0)
    queues.looked_through(KEFU)
    return queues


def test_what_was_looked_through_has_been_pulled() -> None:
    """A batch in work counts as pulled from when it was looked through, whatever lists or acknowledges it later."""
    queues = Queues()
    queues.noticed(KEFU, 0)

    assert [False] == [queues.pulled]

    queues.replied(page(1, 2, key=1), 0)

    assert [False] == [queues.pulled]

    queues.looked_through(KEFU)
    queues.listed(KEFU, 2, 0)

    assert [True] == [queues.pulled]

    queues.pull_on(KEFU, 0)
    queues.looked_through(KEFU)

    assert [False] == [queues.pulled]

    queues.replied(page(3, key=2), 0)

    assert [False] == [queues.pulled]


@pytest.mark.parametrize(
    ("expected", "listed", "later"),
    [
        (True, 0, lambda _: None),
        (True, 2, lambda _: None),
        # More was listed than the batch holds, before it or since.
        (False, 3, lambda _: None),
        (False, 0, lambda queues: queues.listed(KEFU, 3, 0)),
        (True, 3, lambda queues: queues.listed(KEFU, 2, 0)),
        # Something new came, or a second batch that cannot be taken yet.
        (False, 0, lambda queues: queues.noticed(KEFU, 0)),
        (False, 0, lambda queues: queues.replied(page(9, key=9), 0)),
        # A list that names as much as is in work says that the news was that; another says nothing.
        (True, 0, lambda queues: (queues.noticed(KEFU, 0), queues.listed(KEFU, 2, 0))),
        (False, 0, lambda queues: (queues.noticed(KEFU, 0), queues.listed(KEFU, 1, 0))),
        (False, 0, lambda queues: (queues.noticed(KEFU, 0), queues.listed(KEFU, 0, 0))),
        (False, 0, lambda queues: (queues.listed(KEFU, 2, 0), queues.noticed(KEFU, 0))),
    ],
)
def test_what_waits_behind_a_batch(expected: bool, listed: int, later: Callable[[Queues], object]) -> None:
    """What is known to wait behind the batch in work is still to be pulled."""
    queues = in_work(1, 2, listed=listed)
    later(queues)

    assert expected == queues.pulled


def test_what_was_noticed_during_a_pull_may_wait_behind_its_batch() -> None:
    """The pull may have been answered before."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.noticed(KEFU, 0)
    queues.replied(page(1, key=1), 0)
    queues.looked_through(KEFU)

    assert not queues.pulled


def test_each_page_of_what_was_listed() -> None:
    """Of three pages that were listed the third leaves nothing to pull; what is live later is no part of them."""
    queues = in_work(1, 2, listed=5)
    for ids in ((3, 4), (5,)):
        assert [False] == [queues.pulled]
        queues.pull_on(KEFU, 0)
        queues.replied(page(*ids, key=ids[0]), 0)
        queues.looked_through(KEFU)

    assert [True] == [queues.pulled]

    queues.pull_on(KEFU, 0)
    queues.replied(page(), 0)
    queues.noticed(KEFU, 0)
    queues.replied(page(6, key=6), 0)
    queues.looked_through(KEFU)

    assert [True] == [queues.pulled]


def test_a_slice_is_looked_through_by_itself() -> None:
    """What of a batch is still to be handed out has not been looked at."""
    queues = in_work(*range(MAX_METAS + 1))

    assert [False] == [queues.pulled]

    queues.pull_on(KEFU, 0)

    assert [False] == [queues.pulled]

    queues.looked_through(KEFU)

    assert [True] == [queues.pulled]


def test_queues_do_not_wait_for_each_other() -> None:
    """Each queue has its own pull."""
    queues = Queues()

    assert [Ask(KEFU, 0), Ask(SYSTEM, 0)] == [queues.noticed(KEFU, 1), queues.noticed(SYSTEM, 2)]
    assert 1 == queues.waiting_since
    queues.replied(page(1, key=1), 3)
    assert 2 == queues.waiting_since


def test_the_resource_makes_no_other_queue() -> None:
    """A queue with a resource is the one without; pulls echo the JID as it was given last."""
    queues = Queues()
    plain = Queue.of("org#app", "Kefu", "easemob.com", home="org#app")
    with_resource = Queue.of("", "kefu", "", "phone", home="org#app")
    queues.noticed(plain, 0)

    assert None is queues.noticed(with_resource, 0)
    again = queues.replied(page(queue=with_resource), 0)
    assert isinstance(again, Ask)
    assert ("", "kefu", "", "phone") == again.queue.given


def test_a_batch_nobody_asked_for_is_taken() -> None:
    """A batch that names a queue is handed out; an empty one is not."""
    queues = Queues()

    assert None is queues.replied(page(), 0)
    assert queues.pulled
    assert [1] == given_ids(queues.replied(page(1, key=1), 0))
    assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)


def test_a_second_batch_waits_at_the_server() -> None:
    """While one batch is in work, another of the same queue is left unacknowledged and asked for again."""
    queues = Queues()
    queues.replied(page(1), 0)

    assert None is queues.replied(page(2, key=2), 0)
    assert Ask(KEFU, 0) == queues.pull_on(KEFU, 0)


def test_a_batch_without_a_queue_answers_the_only_pull() -> None:
    """With one pull on its way its answer needs no name; with two it cannot be told."""
    queues = Queues()
    queues.noticed(KEFU, 0)

    assert queues.can_place(page(1, queue=None))
    queues.noticed(SYSTEM, 0)
    assert not queues.can_place(page(1, queue=None))
    assert None is queues.replied(page(1, queue=None), 0)
    queues.refused(page(queue=None))
    assert 0 == queues.waiting_since


def test_a_refusal_nobody_waits_for_changes_nothing() -> None:
    """A refused pull frees its queue; a refusal at any other time has no effect on the batch in work."""
    queues = Queues()
    queues.replied(page(1, key=1), 0)
    queues.refused(page())

    assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)
    queues.refused(page())
    assert queues.pulled


def test_a_refusal_forgets_what_was_noticed() -> None:
    """A refused queue rests even if something was noticed meanwhile, also after a batch that nobody asked for."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.noticed(KEFU, 0)
    queues.refused(page())
    queues.replied(page(1), 0)

    assert None is queues.pull_on(KEFU, 0)


def test_the_same_batch_again_is_handed_out_again() -> None:
    """A batch that comes again after a later notice is handed out and acknowledged like a new one."""
    queues = Queues()
    for _ in range(10):
        queues.noticed(KEFU, 0)
        assert [1] == given_ids(queues.replied(page(1, key=1), 0))
        assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)
        queues.replied(page(), 0)


def test_a_batch_that_answers_its_own_acknowledgement_rests_after_a_while() -> None:
    """A server that repeats the same batch for ever is left alone until the next notice, not pulled in a circle."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    queues.replied(page(1, key=1), 0)
    for _ in range(MAX_REPEATS):
        assert Ask(KEFU, 1) == queues.pull_on(KEFU, 0)
        assert [1] == given_ids(queues.replied(page(1, key=1), 0))

    assert None is queues.pull_on(KEFU, 0)
    assert queues.pulled
    assert Ask(KEFU, 1) == queues.noticed(KEFU, 0)


def test_a_long_batch_comes_in_slices() -> None:
    """More metas than fit are handed out one slice after the other; the acknowledgement follows the last."""
    queues = Queues()
    queues.noticed(KEFU, 0)
    ids = list(range(2 * MAX_METAS + 1))

    got = given_ids(queues.replied(page(*ids, key=7), 0))
    assert ids[:MAX_METAS] == got
    got += given_ids(queues.pull_on(KEFU, 0))
    got += given_ids(queues.pull_on(KEFU, 0))
    assert ids == got
    assert Ask(KEFU, 7) == queues.pull_on(KEFU, 0)


def test_what_is_not_in_work_cannot_be_acknowledged() -> None:
    """Neither an unknown queue nor one that is only asked for can be pulled past."""
    queues = Queues()
    with pytest.raises(LocalProtocolError):
        queues.pull_on(KEFU, 0)
    queues.noticed(KEFU, 0)
    with pytest.raises(LocalProtocolError):
        queues.pull_on(KEFU, 0)


def test_the_number_of_queues_is_bounded() -> None:
    """Beyond the bound idle queues are forgotten; when all are busy a new one has to wait to be listed again."""
    queues = Queues()
    names = [Queue.of("", f"peer{number}", "", home="org#app") for number in range(MAX_QUEUES + 1)]
    *first, last = names
    for queue in first:
        queues.noticed(queue, 0)

    assert None is queues.noticed(last, 0)
    assert not queues.can_place(page(1, queue=last))
    queues.replied(page(queue=first[0]), 0)
    assert Ask(last, 0) == queues.noticed(last, 0)
