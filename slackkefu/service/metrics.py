"""
Metrics, made from the frozen statistics that each part offers.

A group is a name and a function that returns a dataclass. Each field becomes ``slackkefu_<group>_<field>``; the text
under the field in its class is the metric's help. Numbers and truths are metrics, a mapping of names to numbers one
metric with the label ``kind``; None and everything else is left out.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import UntypedMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _typeshed import DataclassInstance

__all__ = ["Metrics", "write_textfile"]


@final
class Metrics:
    """
    The metrics of a daemon, read when asked for.

    Args:
        groups: Name of each group, and what returns its statistics.

    """

    def __init__(self, groups: Mapping[str, Callable[[], DataclassInstance]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Statistics(groups))

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format; to be called where the statistics live, in no thread."""
        return generate_latest(self._registry)


def write_textfile(path: Path, metrics: bytes) -> None:
    """Write rendered *metrics* to *path* for a node exporter's textfile collector, atomically; raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(metrics)
    temporary.replace(path)


@final
class _Statistics(Collector):
    def __init__(self, groups: Mapping[str, Callable[[], DataclassInstance]]) -> None:
        self._groups = groups

    def collect(self) -> Iterator[UntypedMetricFamily]:
        for group, read in self._groups.items():
            statistics = read()
            texts = _texts(type(statistics))
            for field in dataclasses.fields(statistics):
                value = getattr(statistics, field.name)
                text = texts.get(field.name, field.name.replace("_", " "))
                name = f"slackkefu_{group}_{field.name}"
                if isinstance(value, Mapping):
                    family = UntypedMetricFamily(name, text, labels=["kind"])
                    for kind, number in value.items():
                        family.add_metric([str(kind)], number)
                    yield family
                elif isinstance(value, int | float):
                    yield UntypedMetricFamily(name, text, value=value)

    def describe(self) -> Iterator[UntypedMetricFamily]:
        # Asked when registered, at which time no statistics exist yet.
        return iter(())


@functools.cache
def _texts(kind: type) -> dict[str, str]:
    """Return the text under each field of *kind*."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError):  # installed without sources
        return {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in itertools.pairwise(statements)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
