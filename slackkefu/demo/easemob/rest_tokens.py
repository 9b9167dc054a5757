"""Tokens and discovery over REST (facts/easemob-rest.md §3, §4; facts/msync.md §2)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from slackkefu.demo.easemob.accounts import AccountError
from slackkefu.demo.easemob.ledger import TokenIssued
from slackkefu.demo.easemob.rest_call import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from slackkefu.demo.easemob.accounts import User
    from slackkefu.demo.easemob.cluster import Address
    from slackkefu.demo.easemob.messages import JsonObject
    from slackkefu.demo.easemob.rest_call import Call

__all__ = ["TOKEN_CALLS", "discover", "shown"]


async def discover(call: Call) -> Answer:
    """Name the hosts of the app (facts/msync.md §2.2); an unknown app gets empty lists."""
    await trio.lowlevel.checkpoint()
    cluster = call.cluster
    known = call.query.get("app_key") == cluster.app_key

    def host(address: Address) -> Mapping[str, object]:
        port: object = str(address.port) if cluster.switches.numbers_as_text else address.port
        priority: object = "1" if cluster.switches.numbers_as_text else 1
        protocol = "https" if address.is_tls else "http"
        return {"protocol": protocol, "domain": address.host, "port": port, "priority": priority, "channel": "1"}

    return Answer(
        200,
        {
            "deploy_name": "fake",
            "file_version": "1",
            "rest": {"hosts": [host(cluster.rest)] if known else []},
            cluster.switches.websocket_section: {"hosts": [host(cluster.websocket)] if known else []},
        },
    )


async def _token(call: Call) -> Answer:
    """Issue a token, by whichever grant is asked for."""
    await trio.lowlevel.checkpoint()
    body = call.object()
    grant = body.get("grant_type")
    issue = _GRANTS.get(grant) if isinstance(grant, str) else None
    if issue is None or (grant == "inherit" and not call.cluster.switches.inherit):
        # What an old cluster answers to a grant it does not know is not documented (facts/easemob-rest.md §4.2).
        raise AccountError(400, "illegal_argument", "grant_type is not supported")
    return await issue(call, body)


async def _for_app(call: Call, body: JsonObject) -> Answer:
    """Issue an app token (facts/easemob-rest.md §3)."""
    await trio.lowlevel.checkpoint()
    call.cluster.accounts.check_client(body.get("client_id"), body.get("client_secret"))
    if call.cluster.switches.one_app_token:
        call.cluster.accounts.revoke()
    return Answer(200, {**_issue(call, body, ""), "application": call.cluster.application})


async def _inherited(call: Call, body: JsonObject) -> Answer:
    """Issue a user token to the app, creating the user if asked to (facts/easemob-rest.md §4.2)."""
    call.require_token()
    accounts = call.cluster.accounts
    name = accounts.check_name(body.get("username"))
    user = accounts.find(name)
    if user is None:
        if body.get("autoCreateUser") is not True:
            raise AccountError(404, "entity_not_found", "User null not found")
        user = await create(call, name, None)
    return _for_user(call, body, user)


async def _by_password(call: Call, body: JsonObject) -> Answer:
    """Issue a user token against the user's password (facts/easemob-rest.md §4.1)."""
    await trio.lowlevel.checkpoint()
    user = call.cluster.accounts.find(str(body.get("username")))
    if user is None:
        raise AccountError(404, "invalid_grant", "user not found")
    if user.password is None or body.get("password") != user.password:
        raise AccountError(400, "invalid_grant", "invalid password")
    return _for_user(call, body, user)


async def create(call: Call, name: str, password: str | None, nickname: str = "") -> User:
    """Create a user, which takes its time; a second call for the same one meanwhile is refused."""
    creating = call.cluster.creating
    if name.lower() in creating:
        raise AccountError(409, "concurrent_operation_error", "concurrency create app user failed")
    creating.add(name.lower())
    try:
        await trio.sleep(call.cluster.switches.creation_s)
        return call.cluster.accounts.create(name, password=password, nickname=nickname, now=call.cluster.wall())
    finally:
        creating.discard(name.lower())


def shown(call: Call, user: User) -> dict[str, object]:
    """Return how REST shows a user."""
    entity: dict[str, object] = {
        "uuid": user.uuid,
        "type": "user",
        "created": user.created_ms,
        "modified": user.created_ms,
        "username": user.registered_as if call.cluster.switches.names_kept else user.name,
        "activated": user.activated,
    }
    return entity | ({"nickname": user.nickname} if user.nickname else {})


def _for_user(call: Call, body: JsonObject, user: User) -> Answer:
    """Issue a token of *user*."""
    if not user.activated:
        raise AccountError(400, "invalid_grant", "user not activated")
    return Answer(200, {**_issue(call, body, user.name), "user": shown(call, user)})


def _issue(call: Call, body: JsonObject, user: str) -> dict[str, object]:
    """Issue a token for as long as the body's ``ttl`` asks; return its part of the answer."""
    switches = call.cluster.switches
    per_second = 1000 if switches.milliseconds else 1
    ttl = body.get("ttl")
    asked = isinstance(ttl, int) and not isinstance(ttl, bool)
    life = ttl / per_second if asked and isinstance(ttl, int) else switches.token_life_s
    expires_at = call.cluster.wall() + life if life else math.inf
    token = call.cluster.accounts.issue(user, expires_at=expires_at)
    call.cluster.ledger.write(TokenIssued(str(body["grant_type"]), user))
    expires_in = int(life * per_second) if life else switches.permanent_expires_in
    return {"access_token": token.value, "expires_in": expires_in}


_GRANTS: Final[Mapping[str, Callable[[Call, JsonObject], Awaitable[Answer]]]] = {
    "client_credentials": _for_app,
    "inherit": _inherited,
    "password": _by_password,
}

TOKEN_CALLS: Final = {("POST", "/token"): _token}
