"""Metrics from frozen statistics."""

from __future__ import annotations

from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING

from slackkefu.service.metrics import Metrics, write_textfile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a part counts."""

    links_up: int
    """Links that work now."""
    heard_s: float | None = None
    by_password: bool = False
    refused: Mapping[str, int] = field(default_factory=dict)
    """Refusals by reason."""
    state: str = "fine"


def test_each_number_is_a_metric_with_its_text() -> None:
    """A field is a metric of group and name, with the text under it as its help."""
    metrics = Metrics({"pool": lambda: Statistics(3, 0.5, by_password=True, refused={"kicked": 2})})
    lines = metrics.render().decode().splitlines()

    assert "# HELP slackkefu_pool_links_up Links that work now." in lines
    assert "slackkefu_pool_links_up 3.0" in lines
    assert "slackkefu_pool_heard_s 0.5" in lines
    assert "slackkefu_pool_by_password 1.0" in lines
    assert 'slackkefu_pool_refused{kind="kicked"} 2.0' in lines
    assert not any("state" in line for line in lines)


def test_what_is_not_known_is_left_out() -> None:
    """None is no number, so there is no metric."""
    assert b"heard_s" not in Metrics({"pool": lambda: Statistics(1)}).render()


def test_metrics_are_read_when_asked_for() -> None:
    """Each rendering asks anew; nothing is asked before."""
    asked = []

    def read() -> Statistics:
        asked.append(1)
        return Statistics(len(asked))

    metrics = Metrics({"pool": read})
    assert asked == []

    assert b"links_up 1.0" in metrics.render()
    assert b"links_up 2.0" in metrics.render()


def test_a_textfile_is_written_whole(tmp_path: Path) -> None:
    """The file holds what would be rendered, and nothing lies beside it."""
    rendered = Metrics({"pool": lambda: Statistics(3)}).render()
    write_textfile(tmp_path / "slackkefu.prom", rendered)

    assert rendered == (tmp_path / "slackkefu.prom").read_bytes()
    assert [tmp_path / "slackkefu.prom"] == list(tmp_path.iterdir())


def test_without_sources_the_name_is_the_text() -> None:
    """A class whose source is not there still has metrics."""
    bare = make_dataclass("Bare", [("links_up", int)])

    assert b"# HELP slackkefu_pool_links_up links up" in Metrics({"pool": lambda: bare(1)}).render()
