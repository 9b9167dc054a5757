"""
Metas that are no messages, to lie between those that are (facts/msync.md §7.3, §10).

A connector passes over them and acknowledges them with their batch. One of each kind that a client has been seen to
stumble over: other namespaces, unknown types, payloads that cannot be decoded.
"""

from __future__ import annotations

from typing import Final

from slackkefu.easemob.proto import msync_pb2 as pb

__all__ = ["STRAYS"]

_STATISTIC, _CHAT, _MUC, _ROSTER, _CONFERENCE, _NOTIFY, _QUERY = range(7)


def _chat(body: pb.MessageBody) -> bytes:
    return body.SerializeToString()


_RECEIPT: Final = _chat(
    pb.MessageBody(type=pb.MessageBody.READ_ACK, contents=[pb.MessageBody.Content()], ack_message_id=1)
)
_BROKEN_EXT: Final = _chat(
    pb.MessageBody(
        type=pb.MessageBody.CHAT,
        contents=[pb.MessageBody.Content(type=pb.MessageBody.Content.TEXT, text="")],
        ext=[pb.KeyValue(key="weichat", type=pb.KeyValue.JSON_STRING, string_value='{"visitor":')],
    )
)

STRAYS: Final = (
    (_NOTIFY, b'{"type":"user_metadata_updated","data":{}}'),
    (_ROSTER, pb.RosterBody(operation=pb.RosterBody.ADD).SerializeToString()),
    (_CHAT, _RECEIPT),
    (_MUC, pb.MUCBody(muc_id=pb.JID(name="g1", domain="conference.easemob.com")).SerializeToString()),
    # MessageBody.type 42, which nobody knows; then a Content of type 99.
    (_CHAT, b"\x08\x2a\x22\x04\x08\x00\x12\x00"),
    (_CHAT, b"\x08\x01\x22\x05\x08\x63\x12\x01\x78"),
    (_CONFERENCE, b""),
    (_QUERY, b"\x08\x01"),
    (_STATISTIC, pb.StatisticsBody(operation=pb.StatisticsBody.INFORMATION).SerializeToString()),
    (_CHAT, _BROKEN_EXT),
    (_CHAT, b"\xff\xff\xff"),
    (_NOTIFY, b"not json"),
    (_MUC, b"\xff\xff\xff"),
)
"""``(namespace, payload)``, taken in turn."""
