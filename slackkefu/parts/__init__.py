"""
What the daemon is made of: every part with those it needs, and nothing started yet.

One module a group, from the two ends to the middle: what speaks to Slack and to Easemob, the two ways between them,
what people do besides writing, and what listens. Where a part needs one of a later group, it is given a function that
asks for it when it is called. :mod:`slackkefu.app` starts and stops them.
"""

from slackkefu.parts.core import Client, Core, Statistics
from slackkefu.parts.parts import Parts, build

__all__ = ["Client", "Core", "Parts", "Statistics", "build"]
