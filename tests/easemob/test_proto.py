"""The generated schema is the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slackkefu.easemob.proto.__main__ import ROOT, SCHEMA, generate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", ["_pb2.py", "_pb2.pyi"])
def test_generating_anew_changes_nothing(tmp_path: Path, suffix: str) -> None:
    """What lies beside ``msync.proto`` is what its generator makes of it, but for the generator's own version."""
    assert 0 == generate(tmp_path)
    name = SCHEMA.with_name(SCHEMA.stem + suffix)

    assert _without_version((tmp_path / name).read_text()) == _without_version((ROOT / name).read_text())


def _without_version(text: str) -> list[str]:
    """Drop what names the generator's version: a newer one that makes the same is as good."""
    lines = [line for line in text.splitlines() if not line.startswith("# Protobuf Python Version:")]
    if "_runtime_version.Domain.PUBLIC," in "".join(lines):
        start = next(index for index, line in enumerate(lines) if line.endswith("_runtime_version.Domain.PUBLIC,"))
        del lines[start + 1 : start + 4]
    return lines
