"""Messages and files over REST (facts/easemob-rest.md §6, §7)."""

from __future__ import annotations

import email.parser
import email.policy
import json
import uuid
from typing import TYPE_CHECKING, Final

import trio

from slackkefu.demo.easemob.accounts import AccountError
from slackkefu.demo.easemob.cluster import StoredFile
from slackkefu.demo.easemob.exchange import Sending
from slackkefu.demo.easemob.messages import ImMessage, encode
from slackkefu.demo.easemob.rest_call import Answer

if TYPE_CHECKING:
    from slackkefu.demo.easemob.messages import JsonObject
    from slackkefu.demo.easemob.rest_call import Call

__all__ = ["MESSAGE_CALLS"]

MAX_RECEIVERS: Final = 600
MAX_FILE_BYTES: Final = 10 * 1024 * 1024


async def _send(call: Call) -> Answer:
    """Send to users, in the form of today (facts/easemob-rest.md §6.1)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    if call.cluster.switches.send_form == "2017":
        raise AccountError(500, "web_application", "javax.ws.rs.WebApplicationException")
    body = call.object()
    sender, to, ext = body.get("from", "admin"), body.get("to"), body.get("ext", {})
    for name, given in (("from", sender), ("to", to), ("type", body.get("type")), ("body", body.get("body"))):
        if not given:
            raise AccountError(400, "message_send_error", f"param {name} can't be empty")
    if not isinstance(to, list) or not isinstance(body["body"], dict):
        raise AccountError(400, "invalid_request_body", "Request body is invalid. Please check body is correct.")
    if not isinstance(ext, dict):
        raise AccountError(400, "message_send_error", "param ext must be JSONObject")
    if len(to) > MAX_RECEIVERS:
        raise AccountError(400, "message_send_error", f"params to's size can't exceed limit {MAX_RECEIVERS}")
    _check_size(call, "message_send_error", body["body"], ext)
    copy, online = body.get("sync_device") is True, body.get("routetype") == "ROUTE_ONLINE"
    data = {}
    for name in to:
        message = ImMessage(sender, name, body["type"], body["body"], ext)
        data[name] = str(_post(call, message, copy=copy, online=online))
    return Answer(200, {"action": "post", "path": "/messages/users", "uri": call.uri, "data": data}, "full")


async def _send_2017(call: Call) -> Answer:
    """Send to users, in the form of 2017: no ids in the answer unless asked for (facts/easemob-rest.md §6.3)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    body = call.object()
    sender, ext = body.get("from", "admin"), body.get("ext", {})
    message: JsonObject = dict(body.get("msg") or {})
    if not sender:
        raise AccountError(400, "illegal_argument", "from can't be empty")
    if body.get("target_type") != "users":
        raise AccountError(400, "illegal_argument", "target_type can only be 'users' or 'chatgroups' or 'chatrooms'")
    _check_size(call, "illegal_argument", message, ext)
    kind = str(message.pop("type", "txt"))
    with_ids = call.query.get("useMsgId") == "true"
    data = {}
    for name in body["target"]:
        server_id = _post(call, ImMessage(sender, name, kind, message, ext), copy=False, online=False)
        data[name] = str(server_id) if with_ids else "success"
    uri = call.uri.removesuffix("/messages")
    return Answer(200, {"action": "post", "params": {}, "uri": uri, "entities": [], "data": data}, "full")


def _check_size(call: Call, error: str, body: JsonObject, ext: object) -> None:
    """Refuse what is too large; what is counted is not documented (facts/easemob-rest.md §6.1)."""
    size = len(json.dumps([body, ext], ensure_ascii=False).encode())
    if size > call.cluster.switches.max_message_bytes:
        raise AccountError(400, error, "message is too large")


def _post(call: Call, message: ImMessage, *, copy: bool, online: bool) -> int:
    """Send one message; neither sender nor receiver is checked (facts/easemob-rest.md §6.1)."""
    sending = Sending(
        message.sender.lower(), "", message.to.lower(), encode(message), online_only=online, copy_to_own=copy
    )
    taken = call.cluster.exchange.take(sending)
    call.cluster.exchange.deliver(sending, taken)
    return taken.meta.id


async def _upload(call: Call) -> Answer:
    """Take an attachment (facts/easemob-rest.md §7.1)."""
    await trio.lowlevel.checkpoint()
    call.require_token(user_too=True)
    part = _part(call)
    if part is None:
        raise AccountError(400, "illegal_argument", "file must be provided.")
    content, filename, mimetype = part
    if len(content) > MAX_FILE_BYTES:
        raise AccountError(413, "file exceeding maximum limit", "the file size exceeds the maximum limit.")
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{call.uri}/{len(call.cluster.files)}"))
    restricted = _is_restricted(call)
    secret = f"share-{name[:8]}" if restricted or call.cluster.switches.open_file_secret else ""
    call.cluster.files[name] = StoredFile(content, secret if restricted else "", filename, mimetype)
    entity = {"uuid": name, "type": "chatfile"} | ({"share-secret": secret} if secret else {})
    return Answer(200, {"action": "post", "path": "/chatfiles", "uri": call.uri, "entities": [entity]}, "full")


def _is_restricted(call: Call) -> bool:
    """Tell whether an upload asks for a secret, where this cluster knows that (facts/easemob-rest.md §7.1, §14)."""
    asked = call.headers.get("restrict-access")
    match call.cluster.switches.restricts:
        case "value":
            return asked == "true"
        case "presence":
            return asked is not None
    return False


def _part(call: Call) -> tuple[bytes, str, str] | None:
    """Return content, name and type of the form part named ``file``."""
    head = f"Content-Type: {call.headers.get('content-type', '')}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + call.content)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            named = part.get_filename() or "", part.get_content_type()
            return (content, *named) if isinstance(content, bytes) else None
    return None


async def _download(call: Call) -> Answer:
    """Hand an attachment out, to whoever has its secret (facts/easemob-rest.md §7.2)."""
    await trio.lowlevel.checkpoint()
    if call.bearer():
        call.require_token(user_too=True)
    file = call.cluster.files.get(call.params["file"])
    if file is None:
        raise AccountError(404, "entity_not_found", "file may not exists")
    secret = call.headers.get("share-secret") or call.query.get("share-secret", "")
    if file.secret and secret != file.secret:
        raise AccountError(401, "auth_bad_access_token", "Unable to authenticate due to corrupt access token")
    return Answer(200, file.content)


MESSAGE_CALLS: Final = {
    ("POST", "/messages/users"): _send,
    ("POST", "/messages"): _send_2017,
    ("POST", "/chatfiles"): _upload,
    ("GET", "/chatfiles/{file}"): _download,
}
