"""
The Web API: methods as plain functions on the state, and the HTTP in front of them.

``call`` holds what every method gets and how it says no; ``methods`` is the table of all methods with the tokens and
scopes they want; ``app`` is the HTTP.
"""

from __future__ import annotations

from slackkefu.demo.slack.web_api.app import build_app

__all__ = ["build_app"]
