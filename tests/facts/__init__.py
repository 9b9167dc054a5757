"""The wire facts' samples: frames, payloads and answers with their expected results, each folder with a README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FACTS", "load"]

FACTS = Path(__file__).parent


def load(name: str) -> Any:
    """Return the JSON document *name*, given below this folder."""
    return json.loads((FACTS / name).read_text(encoding="utf-8"))
