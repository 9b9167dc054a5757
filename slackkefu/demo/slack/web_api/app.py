"""
The HTTP of the fake: the Web API, uploads, downloads, response URLs, and the faults on the way to them.

Thin: it reads requests, meets faults, and writes answers. What a call means is in
:mod:`slackkefu.demo.slack.web_api.methods`.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from email import policy
from email.parser import BytesParser
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote

import trio
from starlette.applications import Starlette
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from slackkefu.demo.serve import AnswerLost
from slackkefu.demo.slack.authorising import WrongLink, decide, page, read_link
from slackkefu.demo.slack.faults import Cut, Drop, Hang, Late, Refusal, Status, TooMany, Trickle
from slackkefu.demo.slack.ledger import Call as CallRecord
from slackkefu.demo.slack.web_api.call import BotCall, Call
from slackkefu.demo.slack.web_api.hooks import answer_hook
from slackkefu.demo.slack.web_api.methods import METHODS, answer, caller_name, readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from slackkefu.demo.slack.faults import WebFault, WebFaults
    from slackkefu.demo.slack.model import HostedFile
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.limits import Limits

__all__ = ["build_app"]

CHUNK_BYTES: Final = 65_536

SIGN_IN: Final = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in to your workspace</body></html>"
EDGE_PAGE: Final = "<html><head><title>Server Error</title></head><body>Our servers are having trouble.</body></html>"


def build_app(state: State, *, faults: WebFaults, limits: Limits, changed: Callable[[], None]) -> Starlette:
    """
    Make the ASGI application.

    Args:
        state: The Slack behind it.
        faults: What goes wrong.
        limits: How often a method may be called.
        changed: Called after each request, when something may have happened.

    """
    front = _Front(state, faults, limits, changed)
    return Starlette(
        routes=[
            Route("/api/{method}", front.api, methods=["GET", "POST"]),
            Route("/oauth/v2/authorize", front.authorize, methods=["GET"]),
            Route("/upload/v1/{ticket}", front.upload, methods=["POST"]),
            Route("/files-pri/{path:path}", front.download, methods=["GET"]),
            Route("/files-tmb/{path:path}", front.download, methods=["GET"]),
            Route("/{kind:str}/{rest:path}", front.hook, methods=["POST"]),
            Route("/", front.sign_in, methods=["GET"]),
        ]
    )


class _Front:
    """The HTTP handlers."""

    def __init__(self, state: State, faults: WebFaults, limits: Limits, changed: Callable[[], None]) -> None:
        self._state = state
        self._faults = faults
        self._limits = limits
        self._changed = changed

    async def api(self, request: Request) -> Response:
        """One method of the Web API."""
        method = request.path_params["method"]
        problem, arguments = await _arguments(request, reads_json=method in METHODS and METHODS[method].json)
        token = _bearer(request)
        if not token and method in METHODS and METHODS[method].bot is not None:
            token = str(arguments.get("token", ""))
        call = Call(method, readable(arguments), self._state.mint.now(), _basic(request))
        caller = caller_name(self._state, token)
        error = ""

        def carry_out() -> Response:
            nonlocal error
            document: Shape = {"ok": False, "error": problem} if problem else answer(self._state, call, token=token)
            error = str(document.get("error", ""))
            return self._document(document, token)

        pause = self._limits.pause(method, caller, call.arguments, switches=self._state.switches, now=call.at)
        fault = TooMany(pause) if pause is not None else self._faults.meet(method)
        try:
            response = await self._meet(fault, carry_out, request)
        finally:
            named = type(fault).__name__ if fault is not None and not isinstance(fault, Late) else ""
            record = CallRecord(trio.current_time(), method, caller, named or error, call.arguments)
            self._state.ledger.calls.append(record)
            self._changed()
        return response

    async def authorize(self, request: Request) -> Response:
        """Show the page on which somebody agrees; ``agree`` is what they have clicked: a place, or ``no``."""
        values = dict(request.query_params)
        clicked = values.pop("agree", None)
        try:
            question = read_link(self._state, values)
            if clicked is None:
                return HTMLResponse(page(self._state, question, values))
            where = self._state.teams.get(clicked) or self._state.organisations.get(clicked)
            return RedirectResponse(decide(self._state, question, where), status_code=302)
        except WrongLink as exc:
            return HTMLResponse(f"<!DOCTYPE html><title>Slack</title><p>Something went wrong: {exc.error}</p>")

    async def upload(self, request: Request) -> Response:
        """Take the bytes of a file: the second step of an upload, raw or multipart."""
        content = await _uploaded_bytes(request)
        file = self._state.uploads.redeem(request.path_params["ticket"], now=self._state.mint.now())

        def carry_out() -> Response:
            if file is None:
                return PlainTextResponse("Not Found", status_code=404)
            file.token_came = bool(_bearer(request))
            if len(content) != file.length:
                return PlainTextResponse("Bad Request", status_code=400)
            file.content = content
            return PlainTextResponse(f"OK - {len(content)}")

        return await self._meet(self._faults.meet("upload"), carry_out, request)

    async def download(self, request: Request) -> Response:
        """Give the bytes of a file; without a good token lead to the sign-in page, a 200 (facts/slack.md §7)."""
        fault = self._faults.meet("download")

        def carry_out() -> Response:
            file = self._readable_file(request)
            if file is None:
                # An absolute path would lose where the fake is mounted.
                return RedirectResponse(
                    f"{self._state.addresses.files}?redir={quote(request.url.path)}", status_code=302
                )
            return StreamingResponse(
                _chunks(file.content, fault),
                media_type=file.mimetype,
                headers={"content-length": str(len(file.content))} if self._state.switches.says_file_length else {},
            )

        return await self._meet(None if isinstance(fault, Cut | Trickle) else fault, carry_out, request)

    async def hook(self, request: Request) -> Response:
        """Take what is sent to a response URL."""
        name = f"{request.path_params['kind']}/{request.path_params['rest']}"
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None

        def carry_out() -> Response:
            document = body if isinstance(body, dict) else None
            status, text = answer_hook(self._state, name, document, at=self._state.mint.now())
            return PlainTextResponse(text, status_code=status)

        try:
            return await self._meet(self._faults.meet("response_url"), carry_out, request)
        finally:
            self._changed()

    async def sign_in(self, _: Request) -> Response:
        """Show the page that a download without a token ends at."""
        return HTMLResponse(SIGN_IN, headers={"x-slack-meta": "?;acl_fail"})

    async def _meet(self, fault: WebFault | None, carry_out: Callable[[], Response], request: Request) -> Response:
        """Carry a request out through *fault*, and answer as the fault has it."""
        await trio.sleep(self._faults.delay())
        carried = carry_out() if fault is None or isinstance(fault, Late) or _takes_effect(fault) else None
        if fault is None and carried is not None:
            return carried
        self._changed()
        match fault:
            case Late() if carried is not None:
                await trio.sleep(fault.delay_s)
                return carried
            case TooMany():
                document: Shape = {"ok": False, "error": "ratelimited"}
                return JSONResponse(document, status_code=429, headers={"retry-after": str(fault.retry_after_s)})
            case Status():
                return HTMLResponse(EDGE_PAGE, status_code=fault.code)
            case Refusal():
                return JSONResponse({"ok": False, "error": fault.error})
            case Hang():
                await _until_gone(request.receive)
                return Response(status_code=499)
            case _:
                return _LostAnswer()

    def _document(self, document: Document, token: str) -> Response:
        """Return a document with the headers Slack adds."""
        headers = {"date": formatdate(self._state.mint.now(), usegmt=True), "x-slack-req-id": self._state.mint.hex(32)}
        installation = self._state.installation_of(token)
        if installation is not None:
            headers["x-oauth-scopes"] = ",".join(sorted(installation.scopes))
        return JSONResponse(document, headers=headers)

    def _readable_file(self, request: Request) -> HostedFile | None:
        """Return the file that the path names, if the token may read it."""
        token = _bearer(request)
        installation = self._state.installation_of(token)
        if installation is None or not installation.alive or "files:read" not in installation.scopes:
            return None
        if self._state.grants.problem(token, now=self._state.mint.now(), switches=self._state.switches):
            return None
        team_and_file = request.path_params["path"].partition("/")[0]
        file = self._state.files.get(team_and_file.rpartition("-")[2])
        reader = BotCall("download", {}, self._state.mint.now(), installation=installation)
        if file is None or not file.complete or file.mode == "tombstone" or file.access != "visible":
            return None
        return file if reader.knows(self._state, file.owner) else None


class _LostAnswer(Response):
    """Begins to answer, and breaks the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [(b"content-type", b"application/json"), (b"content-length", b"65536")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ok":', "more_body": True})
        raise AnswerLost


def _takes_effect(fault: WebFault) -> bool:
    return isinstance(fault, Status | Refusal | Hang | Drop) and fault.carried_out


async def _until_gone(receive: Receive) -> None:
    """Wait until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _chunks(content: bytes, fault: WebFault | None) -> AsyncIterator[bytes]:
    """Yield a file, through the faults that a download can meet half-way."""
    size = fault.piece_bytes if isinstance(fault, Trickle) else CHUNK_BYTES
    end = fault.after_bytes if isinstance(fault, Cut) else len(content)
    for start in range(0, end, size):
        yield content[start : min(start + size, end)]
        await trio.sleep(fault.pause_s if isinstance(fault, Trickle) else 0)
    if isinstance(fault, Cut):
        raise AnswerLost


async def _arguments(request: Request, *, reads_json: bool) -> tuple[str, Document]:
    """Return an error code, or empty and the arguments from query and body (facts/slack.md §8)."""
    arguments: Shape = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == "application/json":
        if not reads_json:
            return "", arguments
        try:
            document = json.loads(body or b"{}")
        except ValueError:
            return "invalid_json", arguments
        return ("", arguments | document) if isinstance(document, dict) else ("json_not_object", arguments)
    try:
        if kind == "multipart/form-data":
            return "", arguments | {name: value.decode() for name, value in _parts(request, body)}
        return "", arguments | dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        return "invalid_charset", arguments


async def _uploaded_bytes(request: Request) -> bytes:
    """Return the bytes of an upload, sent raw or as the one file of a form."""
    body = await request.body()
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return body
    return next((content for _, content in _parts(request, body)), b"")


def _parts(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """Return the names and contents of a multipart form."""
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    named = (
        (part.get_param("name", "", "content-disposition"), part.get_payload(decode=True)) for part in form.iter_parts()
    )
    return [(str(name), content) for name, content in named if isinstance(content, bytes)]


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = b64decode(encoded).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        return None
    return user, password
