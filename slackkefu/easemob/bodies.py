"""
Bodies in JSON, as Easemob's REST API and the desk's own API have them (facts/easemob-rest.md §6.2, facts/kefu.md §1.4).

On the long connection the same bodies go as protobuf, in :mod:`~slackkefu.easemob.metas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.easemob.ext import well_formed
from slackkefu.easemob.message import CommandBody, CustomBody, LocationBody, MediaBody, TextBody
from slackkefu.errors import LocalProtocolError

if TYPE_CHECKING:
    from slackkefu.easemob.message import Body, Json

__all__ = ["write_body"]


def write_body(body: Body) -> dict[str, Json]:
    """
    Return *body* as JSON, its kind as ``type``.

    Raises:
        LocalProtocolError: It is of a kind that cannot be sent.

    """
    match body:
        case TextBody():
            return {"type": "txt", "msg": well_formed(body.text)}
        case CommandBody():
            return {"type": "cmd", "action": well_formed(body.action)}
        case LocationBody():
            # As text, as the samples have them; copies that are received have numbers.
            return {"type": "loc", "lat": f"{body.lat}", "lng": f"{body.lng}", "addr": well_formed(body.address)}
        case CustomBody():
            return {"type": "custom", "customEvent": well_formed(body.event), "customExts": body.exts}
        case MediaBody():
            return _write_media(body)
        case _:
            raise LocalProtocolError("a body of unknown kind cannot be sent")


def _write_media(body: MediaBody) -> dict[str, Json]:
    """Return a file; fields without a value are left out."""
    fields: dict[str, Json] = {
        "filename": well_formed(body.filename),
        "secret": body.secret.reveal(),
        "file_length": body.length_bytes,
        "length": body.duration_s,
        "size": {"width": body.width, "height": body.height} if body.width or body.height else None,
        "thumb": well_formed(body.thumbnail_path),
        "thumb_secret": body.thumbnail_secret.reveal(),
    }
    given = {name: value for name, value in fields.items() if value}
    return {"type": body.kind, "url": well_formed(body.remote_path), **given}
