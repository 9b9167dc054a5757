"""
Slack's own Python client, as a peer: it connects, receives, acknowledges, posts, and says what it saw.

First line in: ``{"api_url", "app_token", "bot_token"}``; later lines are Web API calls, ``{"call", "arguments"}``. It
has threads of its own and so runs as a process of its own.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading  # noqa: TID251  (the client's threads say things at once)
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient  # noqa: TID251  (the client we are compared with)
from slack_sdk.socket_mode.request import SocketModeRequest  # noqa: TID251, TC002
from slack_sdk.socket_mode.response import SocketModeResponse  # noqa: TID251
from slack_sdk.web import WebClient  # noqa: TID251

_turn = threading.Lock()


def say(**words: Any) -> None:
    """Write one line."""
    with _turn:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()


def receive(client: Any, request: SocketModeRequest) -> None:
    """Acknowledge an envelope, and say that it came."""
    answer = {"text": "thank you"} if request.accepts_response_payload else None
    client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=answer))
    event = request.payload.get("event") or {}
    say(
        kind="request",
        type=request.type,
        event_id=request.payload.get("event_id", ""),
        event=event.get("type", ""),
        text=event.get("text", request.payload.get("text", "")),
        retry=request.retry_attempt or 0,
    )


def hear_frame(text: str) -> None:
    """Say what control frames came."""
    frame = json.loads(text) if text.startswith("{") else {}
    if frame.get("type") == "hello":
        say(kind="connected", connections=frame["num_connections"])
    elif frame.get("type") == "disconnect":
        say(kind="disconnect", reason=frame["reason"])


def main() -> None:
    """Serve until the input ends."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = json.loads(sys.stdin.readline())
    web = WebClient(token=settings["bot_token"], base_url=settings["api_url"])
    client = SocketModeClient(
        app_token=settings["app_token"], web_client=WebClient(base_url=settings["api_url"]), ping_interval=1
    )
    client.socket_mode_request_listeners.append(receive)
    client.on_message_listeners.append(hear_frame)
    client.connect()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer: Any = web.api_call(order["call"], **order["arguments"]).data
        except SlackApiError as refused:
            answer = refused.response.data
        say(kind="answer", call=order["call"], answer=answer)
    client.close()
    sys.stdout.flush()
    # Its threads may wait for each other at exit; what we wanted of them is done.
    os._exit(0)


if __name__ == "__main__":
    main()
