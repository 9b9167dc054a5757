"""Generate ``msync_pb2.py`` and ``msync_pb2.pyi`` anew from ``msync.proto``; needs the ``test`` extra."""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # grpcio-tools comes without types

__all__ = ["SCHEMA", "generate"]

ROOT = Path(__file__).parents[3]
SCHEMA = Path(__file__).with_name("msync.proto").relative_to(ROOT)


def generate(target: Path) -> int:
    """Write both files below *target*, at the schema's own place in the tree; return the compiler's exit code."""
    # The compiler looks for its mypy plug-in on PATH; it lies beside this interpreter.
    plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    return int(
        protoc.main(
            [
                "protoc",
                f"--plugin=protoc-gen-mypy={plugin}",
                f"--proto_path={ROOT}",
                f"--python_out={target}",
                f"--mypy_out=quiet:{target}",
                str(SCHEMA),
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(generate(ROOT))
