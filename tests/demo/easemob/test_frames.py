"""The frames our server makes are those that the official client was seen to take (``facts/msync-vectors``)."""

from __future__ import annotations

from typing import Any

import pytest

from slackkefu.demo.easemob.faults import Redirect, Refusal
from slackkefu.demo.easemob.frames import OK, Frames, queue_of, status_of, token_in
from slackkefu.demo.easemob.mailbox import Meta, Queue
from slackkefu.easemob.proto import msync_pb2 as pb
from tests.facts import load

FRAMES = Frames("org#app", compressed=False)


def vector(name: str) -> bytes:
    """Return a recorded frame."""
    return bytes.fromhex(load(f"msync-vectors/{name}.json")["hex"])


def payload(name: str, kind: Any) -> Any:
    """Return the payload of a recorded frame."""
    return kind.FromString(pb.MSync.FromString(vector(name)).payload)


def test_a_notice_is_the_recorded_one() -> None:
    """Byte by byte."""
    assert vector("notice") == FRAMES.notice(FRAMES.queue(Queue("alice")))


def test_an_acknowledgement_is_the_recorded_one() -> None:
    """Byte by byte."""
    recorded = payload("send_ack_ok", pb.CommSyncDL)
    reply = pb.CommSyncDL(status=OK, meta_id=530395043870, server_id=1882589698582380544, timestamp=recorded.timestamp)

    assert vector("send_ack_ok") == FRAMES.sync(reply)


def test_a_page_is_the_recorded_one() -> None:
    """A text with its sender's device, the key, and the queue, byte by byte."""
    recorded = payload("sync_reply_metas", pb.CommSyncDL)
    meta = Meta(
        1882589698582380544,
        "alice",
        "webim_web_1795377443846",
        "bob",
        recorded.metas[0].timestamp,
        1,
        recorded.metas[0].payload,
    )
    page = pb.CommSyncDL(
        status=OK,
        metas=[FRAMES.meta(meta, online_mark=False)],
        next_key=meta.id,
        queue=FRAMES.queue(Queue("alice")),
    )

    assert vector("sync_reply_metas") == FRAMES.sync(page)


def test_a_recorded_login_is_understood() -> None:
    """The web client's token is found, with its prefix (facts/msync.md §5)."""
    msync = pb.MSync.FromString(vector("provision_request_web"))
    token, prefixed = token_in(msync, pb.Provision.FromString(msync.payload))

    assert (msync.auth, True) == (f"$t${token}", prefixed)


@pytest.mark.parametrize(
    ("auth_token", "auth", "expected"),
    [
        (b'{"token":"abc"}', "", ("abc", False)),
        (b'{"token":"$t$abc"}', "$t$abc", ("abc", True)),
        (b"abc", "", ("abc", False)),
        (b"", "$t$abc", ("abc", True)),
        (b"[]", "", ("[]", False)),
    ],
)
def test_a_token_is_found_wherever_it_stands(auth_token: bytes, auth: str, expected: tuple[str, bool]) -> None:
    """In ``auth_token`` as JSON or bare, else in ``auth``."""
    assert expected == token_in(pb.MSync(auth=auth), pb.Provision(auth_token=auth_token))


def test_a_recorded_pull_names_its_queue() -> None:
    """The echo of a queue is that queue; names do not keep case and a missing domain is the usual one."""
    assert Queue("alice") == queue_of(payload("sync_pull_with_key", pb.CommSyncUL).queue)
    assert Queue("alice") == queue_of(pb.JID(name="Alice"))
    assert Queue("") == queue_of(pb.JID(domain="easemob.com"))


def test_statuses_say_their_fault() -> None:
    """A refusal has code and reason, a redirect host and port (facts/msync.md §4)."""
    refusal, redirect = status_of(Refusal(7, "why")), status_of(Redirect("h", 1))

    assert (7, "why") == (refusal.error_code, refusal.reason)
    assert (5, "h", 1) == (redirect.error_code, redirect.redirect_info[0].host, redirect.redirect_info[0].port)
