"""``python -m slackkefu.keys``: the commented configuration, as ``config.example.toml`` has it."""

from __future__ import annotations

import sys

from slackkefu.keys.commented import EXAMPLE, commented

sys.stdout.write(commented(EXAMPLE))
