"""The sample messages of facts/kefu.md, as the daemon gets them from its IM connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slackkefu.easemob.message import CommandBody, IncomingMessage, LocationBody, MediaBody, TextBody, UnknownBody
from slackkefu.secret import Secret
from tests.facts import load

if TYPE_CHECKING:
    from slackkefu.easemob.message import Body

__all__ = ["EXPECT", "SERVICE_NUMBER", "VISITOR", "incoming", "message", "text"]

SERVICE_NUMBER = "kefu_service"
VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"
EXPECT: dict[str, dict[str, Any]] = load("kefu-samples/expect.json")


def incoming(name: str) -> IncomingMessage:
    """Return the sample called *name*."""
    return message(load(f"kefu-samples/{name}.json"))


def message(sample: dict[str, Any]) -> IncomingMessage:
    """Return a message of the samples' shape."""
    return IncomingMessage(1, sample["from"], sample["to"], 0, _body(sample["body"]), sample["ext"])


def text(words: str, ext: dict[str, Any] | None = None) -> IncomingMessage:
    """Return a text of the service number."""
    return IncomingMessage(1, SERVICE_NUMBER, VISITOR, 0, TextBody(words), ext or {})


def _body(body: dict[str, Any]) -> Body:
    match body["type"]:
        case "txt":
            return TextBody(body["msg"])
        case "cmd":
            return CommandBody(body["action"])
        case "loc":
            return LocationBody(body["lat"], body["lng"], body["addr"])
        case "img" | "audio" | "video" | "file" as kind:
            return MediaBody(
                kind,
                body["url"],
                secret=Secret(body.get("secret", "")),
                filename=body.get("filename", ""),
                length_bytes=body.get("file_length", 0),
                duration_s=body.get("length", 0),
                width=body.get("size", {}).get("width", 0),
                height=body.get("size", {}).get("height", 0),
            )
        case _:
            return UnknownBody(-1)
