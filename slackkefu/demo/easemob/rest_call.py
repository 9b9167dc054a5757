"""One REST call and its answer, in the forms Easemob gives them (facts/easemob-rest.md §2.1)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from slackkefu.demo.easemob.accounts import AccountError, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from slackkefu.demo.easemob.accounts import User
    from slackkefu.demo.easemob.cluster import Cluster
    from slackkefu.demo.easemob.messages import JsonObject

__all__ = ["Answer", "Call", "failure"]

Form: TypeAlias = Literal["plain", "short", "full"]
"""What surrounds an answer: nothing, action and times, or that with the app's names as well."""

_TIMES: Final = frozenset({"short", "full"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: Mapping[str, object] | bytes | None = None
    form: Form = "plain"
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def media_type(self) -> str:
        """Content type."""
        return "application/octet-stream" if isinstance(self.body, bytes) else "application/json"

    def render(self, call: Call) -> bytes:
        """Return the body with what surrounds it."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        body: dict[str, object] = dict(self.body)
        if self.form == "full":
            body |= {
                "application": call.cluster.application,
                "organization": call.cluster.org,
                "applicationName": call.cluster.app,
            }
        if self.form in _TIMES:
            body |= {"timestamp": int(call.cluster.wall() * 1000), "duration": 3}
        if self.error:
            body |= {"timestamp": int(call.cluster.wall() * 1000), "duration": 0}
        return json.dumps(body, ensure_ascii=False).encode()


def failure(status: int, error: str = "", description: str = "") -> Answer:
    """Return an error answer; without an *error* code one without a body, as from a gateway."""
    if not error:
        return Answer(status)
    # Nobody may look at the exception's name (facts/easemob-rest.md §2.1).
    body = {"error": error, "exception": "fake.easemob.Refusal", "error_description": description}
    return Answer(status, body, error=error)


@final
@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request."""

    cluster: Cluster
    method: str
    path: str
    """Below ``/{org}/{app}``."""
    uri: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes = field(repr=False)

    @classmethod
    async def read(cls, cluster: Cluster, request: Request) -> Call:
        """Read *request* whole."""
        params: dict[str, str] = request.path_params
        prefix = f"/{params['org']}/{params['app']}" if "app" in params else ""
        return cls(
            cluster,
            request.method,
            request.url.path.removeprefix(prefix),
            str(request.url.replace(query=None)),
            params,
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
        )

    def json(self) -> JsonObject | list[JsonObject]:
        """
        Return the body: an object, or for batches a list of them.

        Raises:
            AccountError: It is not JSON, or does not say that it is.

        """
        if "json" not in self.headers.get("content-type", ""):
            raise AccountError(415, "web_application", "Unsupported Media Type")
        try:
            body: JsonObject | list[JsonObject] = json.loads(self.content)
        except ValueError as exc:
            raise AccountError(400, "json_parse", "Unexpected character") from exc
        if not isinstance(body, dict | list):
            raise AccountError(400, "invalid_request_body", "Request body is invalid. Please check body is correct.")
        return body

    def object(self) -> JsonObject:
        """Return the body, which has to be an object; raise AccountError else."""
        body = self.json()
        if not isinstance(body, dict):
            raise AccountError(400, "invalid_request_body", "Request body is invalid. Please check body is correct.")
        return body

    def bearer(self) -> str:
        """Return the token of the Authorization header, or an empty string."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value if kind == "Bearer" else ""

    def require_token(self, *, user_too: bool = False) -> Token:
        """
        Check the Authorization header (facts/easemob-rest.md §2.3, rows 401).

        Args:
            user_too: A user's own token is good as well as an app token.

        Raises:
            AccountError: No good token.

        """
        value = self.bearer()
        token = self.cluster.accounts.judge(value, now=self.cluster.wall()) if value else "expired"
        if token == "expired":
            raise AccountError(401, "unauthorized", "Unable to authenticate due to expired access token")
        if token == "unknown":
            raise AccountError(401, "auth_bad_access_token", "Unable to authenticate")
        if token == "corrupt" or (token.user and not user_too):
            raise AccountError(401, "auth_bad_access_token", "Unable to authenticate due to corrupt access token")
        return token

    def user(self) -> User:
        """Return the user in the path; raise AccountError when unknown."""
        user = self.cluster.accounts.find(self.params["user"])
        if user is None:
            raise AccountError(404, "service_resource_not_found", "Service resource not found")
        return user
