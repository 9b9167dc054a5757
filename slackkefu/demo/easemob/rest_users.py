"""Users over REST (facts/easemob-rest.md §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from slackkefu.demo.easemob.accounts import AccountError
from slackkefu.demo.easemob.rest_call import Answer
from slackkefu.demo.easemob.rest_tokens import create, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.demo.easemob.messages import JsonObject
    from slackkefu.demo.easemob.rest_call import Call

__all__ = ["USER_CALLS"]

MAX_BATCH: Final = 60
MAX_PAGE: Final = 100
MAX_STATUSES: Final = 100
KICKED_BY_CONSOLE: Final = 4


async def _register(call: Call) -> Answer:
    """Register one user or a batch (facts/easemob-rest.md §5.2)."""
    if not call.bearer():
        raise AccountError(401, "unauthorized", "registration is not open, please contact the app admin")
    call.require_token()
    body = call.json()
    if isinstance(body, list):
        return await _register_batch(call, body)
    name = _checked(call, body)
    if call.cluster.accounts.find(name) is not None:
        raise _exists(call, name)
    user = await create(call, name, body.get("password"), str(body.get("nickname") or ""))
    return _registered(call, [shown(call, user)])


async def _register_batch(call: Call, bodies: list[JsonObject]) -> Answer:
    """Register up to 60 users; what happens with one that exists differs between servers."""
    if len(bodies) > MAX_BATCH:
        raise AccountError(
            400,
            "illegal_argument",
            f"Request body array size[{len(bodies)}] had almost reached or been greater than "
            f"the upper range value[{MAX_BATCH}]",
        )
    passwords: dict[str, object] = {}
    for body in bodies:
        name = _checked(call, body)
        if passwords.setdefault(name.lower(), body.get("password")) != body.get("password"):
            raise AccountError(
                400,
                "duplicate_unique_property_exists",
                f"the same user {name} has a different password, the passwords are ...",
            )
        if call.cluster.switches.batch_refused_whole and call.cluster.accounts.find(name) is not None:
            raise _exists(call, name)
    entities, refused = [], []
    for body in bodies:
        name = body["username"]
        if call.cluster.accounts.find(name) is not None:
            refused.append({"username": name, "registerUserFailReason": f"the {name} already exists"})
        else:
            entities.append(shown(call, await create(call, name, body.get("password"))))
    return _registered(call, entities, data=refused)


def _checked(call: Call, body: JsonObject) -> str:
    """Return the name of a registration whose fields are good."""
    name = call.cluster.accounts.check_name(body.get("username"))
    if not body.get("password") and call.cluster.switches.password_required:
        raise AccountError(400, "illegal_argument", "password or pin must provided")
    return name


def _exists(call: Call, name: str) -> AccountError:
    """Return the refusal for a name that is taken."""
    return AccountError(
        400,
        "duplicate_unique_property_exists",
        f"Application {call.cluster.application} Entity user requires that property named username be unique, "
        f"value of {name} exists",
    )


def _registered(call: Call, entities: list[dict[str, object]], **more: object) -> Answer:
    """Return the answer to a registration."""
    return Answer(200, {"action": "post", "path": "/users", "uri": call.uri, "entities": entities, **more}, "full")


async def _read(call: Call) -> Answer:
    """Show one user."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    entity = shown(call, call.user())
    return Answer(200, {"action": "get", "uri": call.uri, "path": "/users", "entities": [entity], "count": 1}, "short")


async def _list(call: Call) -> Answer:
    """List users, a page at a time; the last page has no cursor (facts/easemob-rest.md §5.3)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    limit, start = int(call.query.get("limit", "10")), int(call.query.get("cursor", "0"))
    if not 1 <= limit <= MAX_PAGE:
        raise AccountError(400, "illegal_argument", f"limit has to be from 1 to {MAX_PAGE}")
    users = list(call.cluster.accounts)
    entities = [shown(call, user) for user in users[start : start + limit]]
    more: dict[str, object] = {"cursor": str(start + limit)} if start + limit < len(users) else {}
    fields = {"action": "get", "path": "/users", "uri": call.uri, "entities": entities, "count": len(entities)}
    return Answer(200, fields | more, "short")


async def _delete(call: Call) -> Answer:
    """Remove one user, with its tokens and logins (facts/easemob-rest.md §5.3)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    switches = call.cluster.switches
    if switches.unknown_removal == 400 and call.cluster.accounts.find(call.params["user"]) is None:
        raise AccountError(400, "management", f"User with id null does not exist in app {call.cluster.application}")
    user = call.user()
    for device in call.cluster.exchange.devices(user.name):
        device.kick(1, "")
    call.cluster.accounts.delete(user.name)
    if not switches.mail_outlives_user:
        call.cluster.exchange.forget(user.name)
    entities = [shown(call, user)]
    return Answer(200, {"action": "delete", "path": "/users", "uri": call.uri, "entities": entities}, "full")


async def _set_password(call: Call) -> Answer:
    """Replace a password; the old one is not needed (facts/easemob-rest.md §5.3)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    password = call.object().get("newpassword")
    if not password:
        raise AccountError(400, "illegal_argument", "newpassword is required")
    user = call.cluster.accounts.find(call.params["user"])
    if user is None:
        raise AccountError(404, "entity_not_found", "User null not found")
    user.password = str(password)
    return Answer(200, {"action": "set user password"}, "short")


async def _status(call: Call) -> Answer:
    """Tell whether a user is online."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    user = call.user()
    return _about(call, {user.name: _presence(call, user.name)})


async def _statuses(call: Call) -> Answer:
    """Tell whether up to 100 users are online; unknown ones are offline."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    names = call.object().get("usernames", [])
    if len(names) > MAX_STATUSES:
        raise AccountError(400, "illegal_argument", "request body exceeds maximum limit, maximum limit is 100")
    data = [{name: _presence(call, name)} for name in names]
    return Answer(200, {"action": "get batch user status", "data": data}, "short")


def _presence(call: Call, name: str) -> str:
    return "online" if call.cluster.exchange.is_online(name) else "offline"


async def _offline_count(call: Call) -> Answer:
    """Count the messages that wait for a user (facts/easemob-rest.md §5.6)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    if not call.cluster.switches.offline_count:
        raise AccountError(500, "unsupported_service_operation", "Service operation not supported")
    user = call.user()
    return _about(call, {user.name: call.cluster.exchange.mailbox(user.name).unread()})


async def _offline_status(call: Call) -> Answer:
    """Tell whether one message has been delivered."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    user = call.user()
    message_id = call.params["message"]
    delivered = call.cluster.exchange.mailbox(user.name).delivered(int(message_id))
    return _about(call, {message_id: "delivered" if delivered else "undelivered"})


async def _disconnect(call: Call) -> Answer:
    """Log a user out of all devices (facts/easemob-rest.md §5.4)."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    for device in call.cluster.exchange.devices(call.user().name):
        device.kick(KICKED_BY_CONSOLE, "")
    return _about(call, {"result": True})


async def _disconnect_one(call: Call) -> Answer:
    """Log a user out of one device."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    for device in call.cluster.exchange.devices(call.user().name):
        if device.resource == call.params["resource"]:
            device.kick(KICKED_BY_CONSOLE, "")
    return Answer(200, {"action": "delete", "uri": call.uri, "entities": [], "data": {"result": True}}, "full")


async def _resources(call: Call) -> Answer:
    """List the devices of a user that are online."""
    await trio.lowlevel.checkpoint()
    call.require_token()
    data = [
        {"res": device.resource, "device_uuid": device.uuid, "device_name": device.name}
        for device in call.cluster.exchange.devices(call.user().name)
    ]
    return Answer(200, {"action": "get", "path": call.path, "uri": call.uri, "entities": [], "data": data}, "full")


def _about(call: Call, data: Mapping[str, object]) -> Answer:
    """Return an answer that is about one user."""
    return Answer(200, {"action": "get", "uri": call.uri, "entities": [], "data": data, "count": 0}, "short")


USER_CALLS: Final = {
    ("GET", "/users"): _list,
    ("POST", "/users"): _register,
    ("POST", "/users/batch/status"): _statuses,
    ("GET", "/users/{user}"): _read,
    ("DELETE", "/users/{user}"): _delete,
    ("PUT", "/users/{user}/password"): _set_password,
    ("GET", "/users/{user}/status"): _status,
    ("GET", "/users/{user}/offline_msg_count"): _offline_count,
    ("GET", "/users/{user}/offline_msg_status/{message:int}"): _offline_status,
    ("GET", "/users/{user}/disconnect"): _disconnect,
    ("DELETE", "/users/{user}/disconnect/{resource}"): _disconnect_one,
    ("GET", "/users/{user}/resources"): _resources,
}
