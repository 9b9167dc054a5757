"""
Files at Easemob: uploading one as a stream, for a message to point at (facts/easemob-rest.md §7, facts/msync.md §11).

The upload is restricted, as the official client's are: whoever downloads it needs the ``share-secret`` that the message
carries. Where a cluster does not know that, no secret comes, and none is needed.

An upload made twice is two files, and nobody but the holder of its address knows of either; Easemob drops both after a
week. So it may be repeated without harm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, final

from slackkefu.errors import RemoteProtocolError
from slackkefu.secret import Secret

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, AsyncIterable

__all__ = ["MAX_BYTES", "Attachment", "Attachments"]

MAX_BYTES: Final = 10 * 1024 * 1024
"""The largest file, in all generations; a contract may raise it (facts/easemob-rest.md §7.1)."""

UPLOAD_S: Final = 150.0
"""Time limit of one upload: the largest file at some 70 kB a second."""

_CALL: Final = "POST /chatfiles"
_UUID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_MIMETYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that lies at Easemob."""

    url: str = field(repr=False)
    secret: Secret
    """The ``share-secret``; empty where none is needed."""


class Calls(Protocol):
    """The part of :class:`~slackkefu.easemob.rest.RestClient` that is needed."""

    async def send_stream(
        self, path: str, content: AsyncIterable[bytes], *, call: str, headers: Mapping[str, str], limit_s: float
    ) -> tuple[str, Mapping[str, object]]:
        """Post a stream with the app token, once; return the address and the answer."""
        ...


@final
class Attachments:
    """
    Uploads files.

    Args:
        calls: Makes the calls.
        chance: Where boundaries come from.

    """

    def __init__(self, calls: Calls, *, chance: random.Random) -> None:
        self._calls = calls
        self._chance = chance

    async def upload(self, content: AsyncIterable[bytes], *, length: int, filename: str, mimetype: str) -> Attachment:
        """
        Upload a file, once.

        Args:
            content: Its bytes. What this raises is raised here as it is.
            length: How many they are.
            filename: Its name; no control characters in it.
            mimetype: Its type, as far as known.

        Raises:
            RestError: Not taken.
            RestOutcomeUnknown, RemoteProtocolError, LinkError: Nobody knows where it lies; it may be uploaded again.
            EasemobSetupError: An operator has to mend something.

        """
        boundary = f"slackkefu-{self._chance.getrandbits(128):032x}"
        head, tail = _around(boundary, filename, mimetype)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + length + len(tail)),
            "restrict-access": "true",
        }
        async with aclosing(_framed(head, content, tail)) as body:
            url, answer = await self._calls.send_stream(
                "/chatfiles", body, call=_CALL, headers=headers, limit_s=UPLOAD_S
            )
        return _read(url, answer)


def _around(boundary: str, filename: str, mimetype: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the file in a form with one part; names as browsers write them."""
    name = filename.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    kind = mimetype if _MIMETYPE.fullmatch(mimetype) else "application/octet-stream"
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return head.encode("utf-8", "replace"), f"\r\n--{boundary}--\r\n".encode()


async def _framed(head: bytes, content: AsyncIterable[bytes], tail: bytes) -> AsyncGenerator[bytes]:
    yield head
    async for piece in content:
        yield piece
    yield tail


def _read(url: str, answer: Mapping[str, object]) -> Attachment:
    """Read where the file lies; raises RemoteProtocolError where the answer does not say."""
    entities = answer.get("entities")
    entity = entities[0] if isinstance(entities, Sequence) and entities else None
    uuid = entity.get("uuid") if isinstance(entity, Mapping) else None
    if not isinstance(entity, Mapping) or not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
        raise RemoteProtocolError(f"the answer to {_CALL} does not say where the file is")
    secret = entity.get("share-secret")
    return Attachment(f"{url}/{uuid}", Secret(secret if isinstance(secret, str) else ""))
