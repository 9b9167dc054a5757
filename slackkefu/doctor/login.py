"""An IM login of a user of our own, made for it and deleted afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import trio

from slackkefu.doctor.report import Finding, failure, ok, warning
from slackkefu.easemob.answers import user_is_unknown
from slackkefu.easemob.connection import Connection
from slackkefu.easemob.login import Login
from slackkefu.easemob.names import AppKey
from slackkefu.easemob.recovery import advice
from slackkefu.errors import LinkError, RestError, SlackkefuError

if TYPE_CHECKING:
    from slackkefu.doctor.scene import Scene
    from slackkefu.easemob.discovery import Endpoints
    from slackkefu.easemob.message import Batch
    from slackkefu.easemob.names import ImUser
    from slackkefu.easemob.rest import RestClient

__all__ = ["examine_login"]

LOGIN_S: Final = 30.0
DELETE_S: Final = 15.0

_COUNTS: Final = "it counts as a registered user until it is deleted, and as a user of today"
_LET_OUT: Final = (
    "let easemob.websocket_url, or what discovery gives, out of the firewall for WebSockets; a proxy on the way has to "
    "pass them on"
)
_NO_LOGIN: Final = "no visitor can log in: what they write goes by REST, and answers wait at Easemob"


async def examine_login(scene: Scene, rest: RestClient, endpoints: Endpoints, probe: ImUser) -> Finding:
    """
    Register *probe*, log in, log out, and delete it; whatever comes in between, deleting is tried.

    A cancellation is held up by the deleting, for a while.
    """
    id_, problem = "easemob.login", None
    left = ""
    try:
        with trio.fail_after(LOGIN_S):
            await _log_in(scene, rest, endpoints, probe)
    except LinkError as error:
        problem = failure(id_, f"{probe}: {error}", means=_NO_LOGIN, do=_LET_OUT)
    except SlackkefuError as error:
        problem = failure(id_, f"{probe}: {error}", means=_NO_LOGIN, do=advice(error))
    except trio.TooSlowError:
        problem = failure(id_, f"{probe}: no login within {LOGIN_S:g} s", means=_NO_LOGIN, do=_LET_OUT)
    finally:
        left = await _delete(rest, probe)
    if problem is not None:
        return replace(problem, says=f"{problem.says}; it may be left: {left}") if left else problem
    if left:
        return warning(
            id_,
            f"{probe} logged in and out, and could not be deleted: {left}",
            means=_COUNTS,
            do=f"delete {probe} in Easemob's console",
        )
    return ok(id_, f"{probe} logged in and out, and was deleted; {_COUNTS}")


async def _log_in(scene: Scene, rest: RestClient, endpoints: Endpoints, probe: ImUser) -> None:
    """Log in at the first address, and out again."""
    token = (await rest.user_token(probe)).token
    login = Login(AppKey.parse(scene.config.easemob.app_key), probe, token, resource=probe)
    url = (await endpoints.websocket_urls())[0]
    connection = Connection(world=scene.world, url=url, login=login, on_batch=_nothing)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(connection.run)
            await connection.logout()
            nursery.cancel_scope.cancel()
    except ExceptionGroup as group:
        # One task, one reason.
        error: Exception = group
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        raise error from group


async def _nothing(_: Batch) -> None:
    """Take what waits for a user that was made a moment ago."""
    await trio.lowlevel.checkpoint()


async def _delete(rest: RestClient, probe: ImUser) -> str:
    """Delete the user; say why that fails."""
    call = "DELETE /users/{username}"
    try:
        # Also when somebody gives up waiting.
        with trio.fail_after(DELETE_S, shield=True):
            await rest.authorised("DELETE", f"/users/{quote(probe, safe='')}", call=call)
    except SlackkefuError as error:
        is_gone = isinstance(error, RestError) and (user_is_unknown(error) or error.code == "management")
        return "" if is_gone else str(error)
    except trio.TooSlowError:
        return f"no answer within {DELETE_S:g} s"
    return ""
