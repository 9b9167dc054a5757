"""Every frame of the wire facts decodes to its values, and these encode to a frame that decodes alike."""

from __future__ import annotations

from typing import Any

import pytest

from slackkefu.easemob.login import Login
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.names import AppKey, Queue, im_user
from slackkefu.easemob.wire import Notice, PullReply, SendReply, pull_frame, read_frame, send_frame, unread_frame
from slackkefu.secret import Secret
from tests.easemob.nested import from_nested, nested
from tests.facts import FACTS, load

VECTORS = sorted(path.stem for path in (FACTS / "msync-vectors").glob("*.json"))
ALICE = Login(AppKey("org", "app"), im_user("alice"), Secret("YWMt-test"), "webim_web_1")


def vector(name: str) -> dict[str, Any]:
    """Return one of the samples."""
    sample: dict[str, Any] = load(f"msync-vectors/{name}.json")
    return sample


def ext_of(name: str) -> dict[str, Any]:
    """Return the ext of the sample's message as the JSON it stands for."""
    reply = read_frame(bytes.fromhex(vector(name)["hex"]), "org#app")
    assert isinstance(reply, PullReply)
    return dict(reply.metas[-1].ext)  # type: ignore[union-attr]  # a message, or the test fails


def test_all_vectors_are_here() -> None:
    """No sample got lost."""
    assert 14 == len(VECTORS)


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_decodes_to_its_values(name: str) -> None:
    """A sample frame holds exactly the values written beside it."""
    sample = vector(name)

    assert sample["decoded"] == nested(bytes.fromhex(sample["hex"]), sample["direction"])


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_encodes_back(name: str) -> None:
    """The values beside a sample frame make a frame that holds exactly these values."""
    sample = vector(name)

    assert sample["decoded"] == nested(from_nested(sample["decoded"]), sample["direction"])


def test_our_text_is_the_official_clients_byte_for_byte() -> None:
    """A text with every kind of ext value leaves us as it leaves the official client."""
    sample = vector("send_text_nested_ext")
    ext = ext_of("sync_reply_metas")
    message = OutgoingMessage(530395043870, im_user("bob"), TextBody("你好 hello"), ext)

    assert sample["hex"] == send_frame(message, ALICE, trace_id=int(sample["decoded"]["trace_id"])).hex()


def test_our_pulls_are_the_official_clients_byte_for_byte() -> None:
    """Pulls without and with a key, and the question for waiting queues, leave us as they leave the official client."""
    queue = Queue.of("org#app", "alice", "easemob.com", home="org#app")
    plain, keyed, unread = (vector(name) for name in ("sync_pull_no_key", "sync_pull_with_key", "unread_request_web"))

    assert plain["hex"] == pull_frame(queue, 0, trace_id=int(plain["decoded"]["trace_id"])).hex()
    key = int(keyed["decoded"]["payload"]["CommSyncUL"]["key"])
    assert keyed["hex"] == pull_frame(queue, key, trace_id=int(keyed["decoded"]["trace_id"])).hex()
    assert unread["hex"] == unread_frame(trace_id=int(unread["decoded"]["trace_id"])).hex()


def test_a_mixed_batch_keeps_every_meta_by_name() -> None:
    """Of a batch with seven kinds of metas each is named, in order, and the one message is whole."""
    reply = read_frame(bytes.fromhex(vector("sync_reply_mixed_namespaces")["hex"]), "org#app")

    assert isinstance(reply, PullReply)
    kinds = [getattr(meta, "kind", None) or type(meta.body).__name__ for meta in reply.metas]  # type: ignore[union-attr]  # one or the other
    assert ["notify", "roster", "group_event", "conference", "UnknownBody", "unknown_type", "TextBody"] == kinds
    assert 1882589730355281925 == reply.next_key == reply.metas[-1].meta_id


def test_an_acknowledgement_and_a_notice_are_read() -> None:
    """The other two frames of the server's become their own types."""
    ack = read_frame(bytes.fromhex(vector("send_ack_ok")["hex"]), "org#app")
    notice = read_frame(bytes.fromhex(vector("notice")["hex"]), "org#app")

    assert isinstance(ack, SendReply)
    assert (True, 530395043870, 1882589698582380544) == (ack.status.ok, ack.meta_id, ack.server_id)
    assert Notice(Queue.of("", "ALICE", "", "phone", home="org#app")) == notice
