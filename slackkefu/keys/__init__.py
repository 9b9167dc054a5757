"""
The keys of the configuration.

:mod:`~slackkefu.keys.table` says everything of each, :mod:`~slackkefu.keys.readers` how its value is read,
:mod:`~slackkefu.keys.saying` what is said of one that is wrong, and :mod:`~slackkefu.keys.commented` writes them down.
"""

from __future__ import annotations

from slackkefu.keys.readers import WrongValue
from slackkefu.keys.saying import describe, shown, unknown
from slackkefu.keys.table import (
    BY_NAME,
    BY_VARIABLE,
    GROUPS,
    KEYS,
    PREFIX,
    TABLES,
    ChannelsMode,
    Group,
    Key,
    LanguageChoice,
    VisitorField,
)

__all__ = [
    "BY_NAME",
    "BY_VARIABLE",
    "GROUPS",
    "KEYS",
    "PREFIX",
    "TABLES",
    "ChannelsMode",
    "Group",
    "Key",
    "LanguageChoice",
    "VisitorField",
    "WrongValue",
    "describe",
    "shown",
    "unknown",
]
