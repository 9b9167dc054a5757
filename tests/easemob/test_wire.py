"""Frames and the messages inside them, both ways."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.login import Login
from slackkefu.easemob.message import (
    Body,
    CommandBody,
    CustomBody,
    IncomingMessage,
    IncomingOther,
    LocationBody,
    MediaBody,
    OutgoingMessage,
    TextBody,
    UnknownBody,
)
from slackkefu.easemob.metas import MAX_PAYLOAD_BYTES, Kick, read_meta
from slackkefu.easemob.names import AppKey, Queue, im_user
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.easemob.wire import (
    MAX_FRAME_BYTES,
    LoginReply,
    LogoutReply,
    Notice,
    PullReply,
    Redirect,
    SendReply,
    Status,
    Unknown,
    UnreadReply,
    login_frame,
    logout_frame,
    pull_frame,
    read_frame,
    send_frame,
)
from slackkefu.errors import LocalProtocolError, RemoteProtocolError
from slackkefu.secret import Secret
from tests.easemob.downward import HOME, batch, frame, jid, meta, notice, statistic, text, unread
from tests.easemob.fuzz_wire import fuzz
from tests.easemob.nested import nested
from tests.facts import FACTS, load

LOGIN = Login(AppKey("org", "app"), im_user("visitor"), Secret("YWMt-test"), "slackkefu-test")
FRAMES = [bytes.fromhex(load(f"msync-vectors/{path.name}")["hex"]) for path in (FACTS / "msync-vectors").glob("*.json")]
Content = pb.MessageBody.Content


def pulled(*raw_metas: bytes) -> PullReply:
    """Read a batch whose metas are these bytes."""
    reply = read_frame(frame(pb.MSync.SYNC, pb.CommSyncDLClosed(metas=raw_metas, queue=jid(), next_key=1)), HOME)
    assert isinstance(reply, PullReply)
    return reply


def chat(body: pb.MessageBody, **changes: Any) -> IncomingMessage | IncomingOther | Kick:
    """Read a meta around *body*."""
    made = meta(pb.Meta.CHAT, body.SerializeToString(), meta_id=7)
    made.MergeFrom(pb.Meta(**changes))
    return read_meta(made.SerializeToString(), HOME)


def content(**fields: Any) -> Body:
    """Read the body of a message with one Content of these fields."""
    read = chat(pb.MessageBody(type=pb.MessageBody.CHAT, contents=[Content(**fields)]))
    assert isinstance(read, IncomingMessage)
    return read.body


# Frames that come down.


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff",
        b"\x40\x00\x4a\x01\xff",
        b"\x40\x01\x4a\x01\xff",
        b"\x40\x02\x4a\x01\xff",
        b"\x40\x03\x4a\x01\xff",
        b"\x40\x04\x4a\x01\xff",
    ],
)
def test_what_is_no_frame_is_their_fault(raw: bytes) -> None:
    """An unreadable envelope, or an unreadable payload of any command, is their fault, told without content."""
    with pytest.raises(RemoteProtocolError, match="the IM server sent"):
        read_frame(raw, HOME)


def test_a_compressed_payload_is_inflated() -> None:
    """A zlib payload is read like a plain one, up to the last byte that is allowed."""
    plain = pb.MSync.FromString(notice(jid()))
    plain.payload = zlib.compress(plain.payload)
    plain.compress_algorimth = 1

    assert Notice(Queue.of("", "kefu", "", home=HOME)) == read_frame(plain.SerializeToString(), HOME)


@pytest.mark.parametrize(
    ("algorithm", "payload"),
    [
        (1, b"no zlib"),
        (1, zlib.compress(b"x" * 1000)[:-5]),
        (1, zlib.compress(bytes(MAX_FRAME_BYTES + 1))),
        (2, b""),
    ],
)
def test_a_payload_that_does_not_inflate_is_their_fault(algorithm: int, payload: bytes) -> None:
    """Not zlib, cut off, a bomb, or a compression we did not offer: the frame is refused."""
    raw = pb.MSync(command=pb.MSync.NOTICE, compress_algorimth=algorithm, payload=payload).SerializeToString()
    with pytest.raises(RemoteProtocolError):
        read_frame(raw, HOME)


def test_an_unknown_command_is_no_sync() -> None:
    """A command outside the schema keeps its number and does not pass for 0."""
    assert Unknown(9) == read_frame(b"\x40\x09", HOME)


def test_an_absent_command_is_sync() -> None:
    """A frame without command, payload and all is an empty batch."""
    assert PullReply(read_frame(b"", HOME).status, None, (), 0, False, None) == read_frame(b"", HOME)  # type: ignore[union-attr]  # a PullReply, as is seen


def test_an_unknown_status_is_no_ok() -> None:
    """A status outside the schema keeps its number and does not pass for OK."""
    reply = read_frame(frame(pb.MSync.SYNC, pb.CommSyncDL(status=pb.Status.FromString(b"\x08\x63"), meta_id=1)), HOME)

    assert isinstance(reply, SendReply)
    assert (99, False) == (reply.status.code, reply.status.ok)


def test_login_and_logout_replies_are_read() -> None:
    """Both ends of a login carry a status; of several redirects the first counts, if it is an address."""
    status = pb.Status(error_code=pb.Status.REDIRECT)
    status.redirect_info.add(host="im2.example", port=6717)
    status.redirect_info.add(host="im3.example", port=443)
    provision = pb.Provision(status=status, resource="r", session_id="s", auth_token=b"{}")
    redirected = Status(5, "", Redirect("im2.example", 6717))

    assert LoginReply(redirected, "r", "s", b"{}") == read_frame(frame(pb.MSync.PROVISION, provision), HOME)
    status.redirect_info[0].host = "no host"
    nowhere = read_frame(frame(pb.MSync.LOGOUT, pb.Logout(status=status)), HOME)
    assert LogoutReply(Status(5)) == nowhere


def test_a_long_reason_is_cut() -> None:
    """Texts of the server's are kept to a length that fits a log line."""
    long = pb.CommSyncDL(status=pb.Status(error_code=pb.Status.FAIL, reason="r" * 5000), meta_id=1)
    reply = read_frame(frame(pb.MSync.SYNC, long), HOME)

    assert isinstance(reply, SendReply)
    assert "r" * 200 == reply.status.reason


def test_listed_queues_without_a_jid_are_left_out() -> None:
    """An entry of the list that names no queue cannot be pulled; the others can, and say how much waits or not."""
    reply = pb.CommUnreadDL()
    reply.unread.add(n=3)
    reply.unread.add(queue=jid("kefu"))
    reply.unread.add(queue=jid("peer"), n=7)
    read = read_frame(frame(pb.MSync.UNREAD, reply), HOME)

    assert isinstance(read, UnreadReply)
    assert {Queue.of("", "kefu", "", home=HOME): 0, Queue.of("", "peer", "", home=HOME): 7} == read.queues
    assert {} == read_frame(unread(), HOME).queues  # type: ignore[union-attr]  # an UnreadReply, as above


@given(st.binary(max_size=400))
def test_any_bytes_are_a_value_or_their_fault(data: bytes) -> None:
    """Random bytes never raise anything of ours."""
    fuzz(data)


@given(st.sampled_from(FRAMES), st.data())
def test_damaged_frames_are_a_value_or_their_fault(whole: bytes, data: st.DataObject) -> None:
    """Real frames with a few bytes changed, and cut anywhere, never raise anything of ours."""
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    fuzz(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


# Metas.


def test_a_meta_that_is_none_leaves_its_neighbours() -> None:
    """Bytes that are no meta, or no body, are named in their place; the messages beside them are whole."""
    broken = meta(pb.Meta.CHAT, b"\xff", meta_id=3)
    reply = pulled(text(1).SerializeToString(), b"\xff\xff", broken.SerializeToString(), text(4).SerializeToString())

    assert [1, 0, 3, 4] == [item.meta_id for item in reply.metas]
    assert ["undecodable", "undecodable"] == [item.kind for item in reply.metas if isinstance(item, IncomingOther)]
    assert 1 == reply.next_key


def test_bad_ext_leaves_the_message() -> None:
    """Bad JSON under one key is named; text, sender and the other keys arrive."""
    pairs = [
        pb.KeyValue(key="weichat", type=pb.KeyValue.JSON_STRING, string_value="{"),
        pb.KeyValue(key="em_ok", type=pb.KeyValue.STRING, string_value="yes"),
    ]
    (read,) = pulled(text(1, ext=pairs).SerializeToString()).metas

    assert isinstance(read, IncomingMessage)
    assert ("kefu", TextBody("hello"), {"em_ok": "yes"}, ("weichat",)) == (
        read.sender,
        read.body,
        read.ext,
        read.bad_ext,
    )


def test_the_servers_word_on_the_sender_counts() -> None:
    """Meta.from decides; the body's own word, which any client can make up, only where the server says nothing."""
    forged = pb.MessageBody(type=pb.MessageBody.CHAT, contents=[Content(text="x")])
    getattr(forged, "from").name = "Kefu"
    lying = chat(forged, **{"from": pb.JID(name="Someone")})
    silent = pb.Meta(id=1, ns=pb.Meta.CHAT, payload=forged.SerializeToString())

    assert isinstance(lying, IncomingMessage)
    assert "someone" == lying.sender
    read = read_meta(silent.SerializeToString(), HOME)
    assert isinstance(read, IncomingMessage)
    assert ("kefu", "") == (read.sender, read.to)


def test_names_are_folded() -> None:
    """Sender and receiver are compared without case, so they come folded."""
    body = pb.MessageBody(type=pb.MessageBody.CHAT, contents=[Content(text="x")])
    read = chat(body, **{"from": pb.JID(name="KEFU", app_key="ORG#app"), "to": pb.JID(name="T1_U1_C1")})

    assert isinstance(read, IncomingMessage)
    assert ("kefu", "t1_u1_c1") == (read.sender, read.to)


def test_another_apps_user_is_no_sender() -> None:
    """A user of the same name in another app is somebody else."""
    body = pb.MessageBody(type=pb.MessageBody.CHAT, contents=[Content(text="x")])

    assert IncomingOther(7, "foreign_app", "kefu") == chat(body, **{"from": pb.JID(app_key="org#other")})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pb.MessageBody.NORMAL, "normal"),
        (pb.MessageBody.GROUPCHAT, "group_message"),
        (pb.MessageBody.CHATROOM, "room_message"),
        (pb.MessageBody.READ_ACK, "read_receipt"),
        (pb.MessageBody.DELIVER_ACK, "delivery_receipt"),
        (pb.MessageBody.RECALL, "recall"),
        (pb.MessageBody.CHANNEL_ACK, "conversation_read"),
    ],
)
def test_what_is_no_conversation_message_is_named(kind: pb.MessageBody.Type.ValueType, name: str) -> None:
    """Receipts and recalls, which hold one empty Content, are told by their type, with what they are about."""
    body = pb.MessageBody(type=kind, contents=[Content()], ack_message_id=2**60)

    assert IncomingOther(7, name, "kefu", 2**60) == chat(body)  # type: ignore[arg-type]  # one of the kinds


def test_an_edit_names_what_it_edits() -> None:
    """An edit refers to the edited message."""
    body = pb.MessageBody(type=pb.MessageBody.EDIT, contents=[Content(text="new")], edit_message_id=5)

    assert IncomingOther(7, "edit", "kefu", 5) == chat(body)


def test_unknown_kinds_keep_their_numbers() -> None:
    """A type, namespace or content outside the schema is never taken for 0."""
    strange_type = meta(pb.Meta.CHAT, b"\x08\x2a\x22\x00")
    strange_space = pb.Meta.FromString(b"\x08\x05\x28\x63")
    strange_content = meta(pb.Meta.CHAT, b"\x08\x01\x22\x02\x08\x63")

    assert IncomingOther(1, "unknown_type", "kefu") == read_meta(strange_type.SerializeToString(), HOME)
    assert IncomingOther(5, "unknown_namespace") == read_meta(strange_space.SerializeToString(), HOME)
    read = read_meta(strange_content.SerializeToString(), HOME)
    assert isinstance(read, IncomingMessage)
    assert UnknownBody(99) == read.body


def test_a_message_without_contents_is_empty() -> None:
    """A message that holds nothing at all is named so."""
    assert IncomingOther(7, "empty", "kefu") == chat(pb.MessageBody(type=pb.MessageBody.CHAT))


def test_an_oversized_message_is_named() -> None:
    """A body far beyond what servers take is passed over by name, so that its batch can be acknowledged."""
    body = pb.MessageBody(type=pb.MessageBody.CHAT, contents=[Content(text="x" * MAX_PAYLOAD_BYTES)])

    assert IncomingOther(7, "too_large", "kefu") == chat(body)


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        (pb.Meta.MUC, "group_event"),
        (pb.Meta.ROSTER, "roster"),
        (pb.Meta.CONFERENCE, "conference"),
        (pb.Meta.NOTIFY, "notify"),
        (pb.Meta.QUERY, "query"),
    ],
)
def test_other_namespaces_are_not_read(namespace: int, name: str) -> None:
    """Namespaces we have no use for are named without a look at their payload, good or bad."""
    assert IncomingOther(1, name, "kefu") == read_meta(meta(namespace, b"\xff").SerializeToString(), HOME)  # type: ignore[arg-type]  # one of the kinds


def test_statistics_are_kicks_or_noted() -> None:
    """Operations 1 to 4 are kicks with their reason; an unreadable one is not taken for any."""
    assert Kick(9, 2, "phone") == read_meta(statistic(2, "phone").SerializeToString(), HOME)
    assert IncomingOther(9, "statistic") == read_meta(statistic(0).SerializeToString(), HOME)
    assert IncomingOther(1, "undecodable", "kefu") == read_meta(
        meta(pb.Meta.STATISTIC, b"\xff").SerializeToString(), HOME
    )


def test_a_kick_is_taken_out_of_the_batch() -> None:
    """The first kick of a batch stands by itself; the other metas stay in order."""
    reply = read_frame(batch(jid(), text(1), statistic(3), text(2), statistic(4), next_key=9), HOME)

    assert isinstance(reply, PullReply)
    assert [1, 2] == [item.meta_id for item in reply.metas]
    assert Kick(9, 3, "") == reply.kick


# Bodies.


def test_bodies_are_read_by_their_type() -> None:
    """Each kind of content becomes its body, with the fields the official client sets."""
    size = Content.Size(width=640.0, height=480.0)

    assert TextBody("小") == content(type=Content.TEXT, text="小")
    assert TextBody("") == content()
    assert CommandBody("KF-ACK") == content(type=Content.COMMAND, action="KF-ACK")
    assert LocationBody(1.5, 2.5, "here") == content(type=Content.LOCATION, latitude=1.5, longitude=2.5, address="here")
    exts = [pb.KeyValue(key="a", type=pb.KeyValue.INT, varint_value=1)]
    assert CustomBody("card", {"a": 1}) == content(type=Content.CUSTOM, custom_event="card", custom_exts=exts)
    assert MediaBody("img", "https://x/1", Secret("s"), "p.png", 7, 0, 640, 480, "https://x/t", Secret("t")) == content(
        type=Content.IMAGE,
        remote_path="https://x/1",
        secret_key="s",
        display_name="p.png",
        file_length=7,
        size=size,
        thumbnail_remote_path="https://x/t",
        thumbnail_secret_key="t",
    )
    assert MediaBody("audio", "", duration_s=3) == content(type=Content.VOICE, duration=3)
    assert MediaBody("video", "") == content(type=Content.VIDEO)
    assert MediaBody("file", "") == content(type=Content.FILE)


@pytest.mark.parametrize("size", [math.nan, math.inf, -1.0, 1e300])
def test_a_size_that_is_none_is_zero(size: float) -> None:
    """Sizes are doubles on the wire and may hold anything."""
    assert MediaBody("img", "") == content(type=Content.IMAGE, size=Content.Size(width=size, height=size))


def test_combined_forwards_are_no_texts() -> None:
    """Both spellings of a combined forward are told from a text; other sub types are texts."""
    assert UnknownBody(8) == content(type=Content.TEXT, text="x", sub_type=Content.COMBINE)
    assert UnknownBody(8) == content(type=Content.COMBINED)
    assert TextBody("x") == content(type=Content.TEXT, text="x", sub_type=Content.STREAM)


def test_text_that_is_no_utf8_is_mended() -> None:
    """A text with broken bytes arrives with U+FFFD in their place, instead of being lost."""
    read = read_meta(meta(pb.Meta.CHAT, b"\x08\x01\x22\x05\x12\x03a\xffb").SerializeToString(), HOME)

    assert isinstance(read, IncomingMessage)
    assert TextBody("a�b") == read.body


@pytest.mark.parametrize(
    "body",
    [
        TextBody("小 🙂"),
        CommandBody("TypingBegin"),
        LocationBody(1.25, -2.5, "here"),
        CustomBody("card", {"a": [1, {"b": None}]}),
        MediaBody("img", "https://x/1", Secret("s"), "p.png", 7, 0, 640, 480, "https://x/t", Secret("t")),
        MediaBody("audio", "https://x/1", Secret("s"), "a.amr", 7, 12),
        MediaBody("file", "https://x/1"),
    ],
)
def test_a_body_sent_is_the_body_received(body: Body) -> None:
    """What we write as a message is read back as the same."""
    sent = send_frame(OutgoingMessage(5, im_user("kefu"), body, {"weichat": {"a": 1}}), LOGIN, trace_id=1)
    up = pb.CommSyncUL.FromString(pb.MSync.FromString(sent).payload)
    read = read_meta(up.meta.SerializeToString(), HOME)

    assert IncomingMessage(5, "visitor", "kefu", 0, body, {"weichat": {"a": 1}}) == read


@pytest.mark.parametrize("meta_id", [0, -1, 2**63])
def test_a_meta_id_out_of_range_is_our_fault(meta_id: int) -> None:
    """Ids are 1 to 2^63-1: 0 would not be acknowledged, more would not fit everywhere."""
    with pytest.raises(LocalProtocolError, match="meta id"):
        send_frame(OutgoingMessage(meta_id, im_user("kefu"), TextBody("x")), LOGIN, trace_id=1)


def test_an_unknown_body_is_not_sent() -> None:
    """What we cannot read we do not write."""
    with pytest.raises(LocalProtocolError, match="unknown kind"):
        send_frame(OutgoingMessage(1, im_user("kefu"), UnknownBody(8)), LOGIN, trace_id=1)


def test_halves_of_pairs_do_not_keep_a_text_back() -> None:
    """A text that JavaScript cut in the middle of a character is sent with U+FFFD."""
    sent = send_frame(OutgoingMessage(1, im_user("kefu"), TextBody("a\ud83d")), LOGIN, trace_id=1)

    assert "a�".encode() in sent


# Frames that go up.


def test_the_login_is_spelled_as_the_web_client_spells_it() -> None:
    """PROVISION holds who, from which device, the token in both places, and offers no compression."""
    form = nested(login_frame(LOGIN, trace_id=5), "c2s")
    expected = load("msync-vectors/provision_request_web.json")["decoded"]

    assert {
        "app_key": "org#app",
        "name": "visitor",
        "domain": "easemob.com",
        "client_resource": "slackkefu-test",
    } == form["guid"]
    assert "$t$YWMt-test" == form["auth"]
    provision, web = form["payload"]["Provision"], expected["payload"]["Provision"]
    assert '{"token":"$t$YWMt-test"}' == provision["auth_token"]["utf8"]
    assert ["0:COMPRESS_NONE"] == provision["protocol_compress_type"]
    assert "slackkefu-test" == provision["resource"]
    same = ("os_type", "version", "compress_type", "encrypt_type", "action_version")
    assert [web[name] for name in same] == [provision[name] for name in same]
    assert {*web} - {*provision} == {"session_id"}


def test_the_newer_spelling_has_no_prefix_and_no_auth() -> None:
    """Without the prefix the token stands bare in auth_token, and nowhere else."""
    bare = Login(LOGIN.app_key, LOGIN.user, LOGIN.token, LOGIN.resource, dollar_prefix=False)
    up = pb.MSync.FromString(login_frame(bare, trace_id=5))
    provision = pb.Provision.FromString(up.payload)

    assert not up.HasField("auth")
    assert {"token": "YWMt-test"} == json.loads(provision.auth_token)
    leaving = pb.MSync.FromString(logout_frame(bare, resource="r", session_id="s", reason="x", trace_id=6))
    assert not leaving.HasField("auth")
    assert not leaving.HasField("guid")


def test_the_logout_is_spelled_as_the_web_client_spells_it() -> None:
    """LOGOUT differs from the official client's by the device id alone, an artefact of its own."""
    sample = load("msync-vectors/logout_request.json")["decoded"]
    alice = Login(AppKey("org", "app"), im_user("alice"), Secret(sample["auth"].removeprefix("$t$")), "r")
    up = logout_frame(
        alice,
        resource=sample["guid"]["client_resource"],
        session_id="1795377443849:",
        reason="inner:logout",
        trace_id=int(sample["trace_id"]),
    )
    del sample["device_id"]

    assert sample == nested(up, "c2s")


def test_pulls_echo_the_queue_as_given() -> None:
    """What the server left out stays out; the system queue, and even an empty JID, is still a pull."""
    bare = pb.MSync.FromString(pull_frame(Queue.of("", "", "", home=HOME), 0, trace_id=1))
    given_queue = Queue.of("", "Kefu", "easemob.com", "phone", home=HOME)
    full = pb.CommSyncUL.FromString(pb.MSync.FromString(pull_frame(given_queue, 0, trace_id=1)).payload)

    assert pb.CommSyncUL.FromString(bare.payload).HasField("queue")
    assert pb.JID(name="Kefu", domain="easemob.com", client_resource="phone") == full.queue
    assert not full.HasField("key")


def test_reprs_show_no_words_and_no_secrets() -> None:
    """Texts, file names, places and ext stay out of what could be logged."""
    shown = repr(
        [
            OutgoingMessage(1, im_user("kefu"), TextBody("words"), {"k": "words"}),
            MediaBody("img", "https://words", Secret("words"), "words"),
            LocationBody(4.5, 4.5, "words"),
            IncomingMessage(1, "kefu", "v", 1, CustomBody("card", {"k": "words"}), {"k": "words"}),
        ]
    )

    assert "words" not in shown
    assert "4.5" not in shown
