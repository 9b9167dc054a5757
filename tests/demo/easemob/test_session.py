"""The server's engine alone: what it answers to frames, without sockets."""

from __future__ import annotations

import math

import pytest

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.easemob.ledger import Ended
from slackkefu.demo.easemob.session import Session
from slackkefu.easemob.proto import msync_pb2 as pb
from tests.demo.easemob.raw import envelope, jid, provision, read


class Page:
    """A link that writes down what it is asked."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ended: list[str] = []

    def send(self, frame: bytes, *, delay_s: float = 0.0) -> None:
        """Keep the frame."""
        self.frames.append(frame)

    def close(self) -> None:
        """Note it."""
        self.ended.append("closed")

    def close_within(self, seconds: float) -> None:
        """Note it."""
        self.ended.append(f"within {seconds:g}")

    def cut(self) -> None:
        """Note it."""
        self.ended.append("cut")


@pytest.fixture
def easemob() -> FakeEasemob:
    """Return a fake with one user."""
    easemob = FakeEasemob(wall=lambda: 1_753_000_000.0)
    easemob.register("mia")
    return easemob


def session(easemob: FakeEasemob, token: str | None = None) -> tuple[Session, Page]:
    """Return a session that is logged in with *token*, or a fresh one without end."""
    page = Page()
    engine = Session(easemob._cluster, page)
    engine.receive(provision("mia", token or easemob.accounts.issue("mia", expires_at=math.inf).value))
    return engine, page


def test_a_token_without_an_end_has_none_in_the_reply(easemob: FakeEasemob) -> None:
    """``auth_token`` is empty then (facts/msync.md §5)."""
    _, page = session(easemob)

    assert b"" == read(page.frames[0]).auth_token


def test_after_its_end_it_says_nothing_more(easemob: FakeEasemob) -> None:
    """Frames after a cut are not read, and the end is written down once."""
    engine, page = session(easemob)
    engine.cut("cut")
    engine.receive(envelope(pb.MSync.UNREAD, pb.CommUnreadUL()))
    engine.lost("connection over")

    assert (1, ["cut"]) == (len(page.frames), page.ended)
    assert (Ended("mia", "device-1", "cut"),) == easemob.ledger.of(Ended)
    assert "<Session mia/device-1 cut>" == repr(engine)


def test_a_kick_in_the_queue_gives_time_to_fetch_it(easemob: FakeEasemob) -> None:
    """It closes within seconds, and at once after the reason was fetched (facts/msync.md §9)."""
    engine, page = session(easemob)
    engine.kick(3, "")
    engine.receive(envelope(pb.MSync.SYNC, pb.CommSyncUL(queue=jid(""))))
    body = pb.StatisticsBody.FromString(read(page.frames[-1]).metas[0].payload)

    assert (3, False) == (body.operation, body.HasField("reason"))
    assert ["within 3", "closed"] == page.ended


def test_a_session_that_has_read_nothing_has_no_page_to_repeat(easemob: FakeEasemob) -> None:
    """Nothing is sent."""
    engine, page = session(easemob)
    engine.repeat_page()

    assert 1 == len(page.frames)


def test_a_client_sends_no_notices(easemob: FakeEasemob) -> None:
    """A command that only servers send ends the connection, with a complaint."""
    engine, page = session(easemob)
    engine.receive(envelope(pb.MSync.NOTICE, pb.CommNotice()))

    assert ["closed"] == page.ended
    assert ("mia: a command that only servers send",) == easemob.ledger.complaints()
