"""Messages in JSON terms and on the wire, held against recorded frames and the samples."""

from __future__ import annotations

from typing import Any

import pytest

from slackkefu.demo.easemob import FakeEasemob
from slackkefu.demo.easemob.messages import ImMessage, decode, encode
from slackkefu.easemob.proto import msync_pb2 as pb
from tests.facts import FACTS, load

SAMPLES = sorted(path.stem for path in (FACTS / "kefu-samples").glob("*.json") if path.stem != "expect")
BODIES: list[dict[str, Any]] = [
    {"type": "img", "url": "http://h/1", "secret": "s", "filename": "p.png", "size": {"width": 640.0, "height": 480.0}},
    {"type": "loc", "lat": 39.9, "lng": 116.4, "addr": "Beijing"},
    {"type": "audio", "url": "http://h/2", "filename": "v.amr", "length": 10, "file_length": 7},
    {"type": "custom", "customEvent": "slack.reaction", "customExts": {"name": "thumbsup", "n": 3}},
]


def payload(vector: str) -> bytes:
    """Return the payload of the chat meta in a recorded frame."""
    msync = pb.MSync.FromString(bytes.fromhex(load(f"msync-vectors/{vector}.json")["hex"]))
    return pb.CommSyncUL.FromString(msync.payload).meta.payload


def test_a_recorded_text_reads_as_it_was_written() -> None:
    """The official client's text with its nested ext comes out value by value."""
    message = decode("alice", "bob", payload("send_text_nested_ext"))

    assert ("txt", "你好 hello") == (message.type, message.text)
    assert "小明" == message.weichat["visitor"]["trueName"]
    assert 4503599627370496 == message.weichat["msgId"]
    plain = {key: value for key, value in message.ext.items() if key != "weichat"}
    assert {"plain": "text", "yes": True, "no": False, "int": -7, "float": 1.25, "list": [1, "two"]} == plain


def test_a_recorded_command_and_image_read_as_they_were_written() -> None:
    """Commands have their action, images their address, size and length."""
    command = decode("alice", "bob", payload("send_cmd"))
    image = decode("alice", "bob", payload("send_image"))

    assert ("cmd", {"action": "TypingBegin"}) == (command.type, command.body)
    assert ("img", "p.png", 7) == (image.type, image.body["filename"], image.body["file_length"])
    assert {"width": 640.0, "height": 480.0} == image.body["size"]


def test_a_recall_is_no_empty_text() -> None:
    """A receipt or recall holds one empty Content and is told apart by its type (facts/msync.md §1.10)."""
    assert ("receipt", "") == (decode("a", "b", payload("recall")).type, decode("a", "b", payload("recall")).text)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_kefu_sample_survives_the_wire(name: str) -> None:
    """What kefu sends comes out of the wire as it went in."""
    message = ImMessage.of_sample(load(f"kefu-samples/{name}.json"))
    again = decode(message.sender, message.to, encode(message))

    assert message.type == again.type
    assert message.ext == again.ext
    assert message.body.get("msg", "") == again.text if message.type == "txt" else again.text == ""


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body["type"]))
def test_other_bodies_survive_the_wire(body: dict[str, Any]) -> None:
    """Files, places and custom bodies keep their fields."""
    members = {key: value for key, value in body.items() if key != "type"}
    message = ImMessage("a", "b", body["type"], members, {"flag": True, "big": 1 << 60, "none": None})

    assert message == decode("a", "b", encode(message))


def test_numbers_of_other_platforms_read_as_numbers() -> None:
    """UINT is the bit pattern of an int64, FLOAT has its own field (facts/msync.md §11)."""
    body = pb.MessageBody(type=pb.MessageBody.CHAT)
    body.ext.add(key="unsigned", type=pb.KeyValue.UINT, varint_value=-1)
    body.ext.add(key="float", type=pb.KeyValue.FLOAT, float_value=0.5)

    assert {"unsigned": 2**64 - 1, "float": 0.5} == decode("a", "b", body.SerializeToString()).ext


def test_what_cannot_be_read_hurts_nobody() -> None:
    """A program in this process is not called with it; it is complained of, and the next message passes."""
    easemob = FakeEasemob()
    got: list[ImMessage] = []
    easemob.attach("desk", got.append)
    broken = pb.MessageBody(type=pb.MessageBody.CHAT)
    broken.ext.add(key="weichat", type=pb.KeyValue.JSON_STRING, string_value="{")
    for payload in (b"\xff", broken.SerializeToString(), encode(ImMessage("mia", "desk", "txt", {"msg": "hi"}))):
        easemob.post_raw("mia", "desk", payload)
    easemob.post_raw("mia", "desk", b"", namespace=5)

    assert ["hi"] == [message.text for message in got]
    assert 2 == len(easemob.ledger.complaints())
