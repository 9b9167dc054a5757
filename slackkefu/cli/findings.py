"""Findings of the doctor on paper: lines for a person, or one JSON document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

import click

from slackkefu.cli.plain import plain
from slackkefu.doctor.report import Finding, Level, worst

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slackkefu.doctor.hosts import Host

__all__ = ["Printed", "exit_code", "print_hosts"]

VERSION: Final = 1
"""Of the JSON document."""

_CODES: Final = (("config.", 3), ("store.", 4), ("", 5))
"""The first beginning of a failure's id that fits."""

_COLOURS: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "red"}
_WIDTH: Final = max(len(level.value) for level in Level)


def exit_code(findings: Sequence[Finding]) -> int:
    """Return the exit code: what an operator has to mend first comes before what follows from it."""
    failures = [finding.id for finding in findings if finding.level is Level.FAILURE]
    return min((next(code for start, code in _CODES if id_.startswith(start)) for id_ in failures), default=0)


@final
class Printed:
    """What is printed, as it becomes known; as JSON all of it at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._findings: list[Finding] = []

    @property
    def code(self) -> int:
        """The exit code for what has been found so far."""
        return exit_code(self._findings)

    def tell(self, finding: Finding) -> None:
        """Take one finding."""
        finding = replace(
            finding,
            about=plain(finding.about),
            says=plain(finding.says),
            means=plain(finding.means),
            do=plain(finding.do),
        )
        self._findings.append(finding)
        if not self._as_json:
            for line in _lines(finding):
                click.echo(line)

    def finish(self, settings: Mapping[str, str] | None = None) -> None:
        """
        Print the end of it.

        Args:
            settings: What each key of the configuration means, where that was asked for.

        """
        level = worst(self._findings)
        if self._as_json:
            document: dict[str, object] = {
                "version": VERSION,
                "level": level.value,
                "exit_code": self.code,
                "findings": [_fields(finding) for finding in self._findings],
            }
            if settings is not None:
                document["settings"] = settings
            click.echo(json.dumps(document, indent=2))
            return
        if settings is not None:
            width = max(map(len, settings), default=0)
            for name, shown in settings.items():
                click.echo(f"  {name:{width}}  {plain(shown)}")
        counts = [f"{_count(self._findings, each)} {each.value}" for each in (Level.FAILURE, Level.WARNING, Level.OK)]
        click.echo(f"{click.style(level.value, fg=_COLOURS[level])}: {', '.join(counts)}")


def print_hosts(hosts: Sequence[Host], problem: str, *, as_json: bool) -> None:
    """Print the list of hosts, and why it may not be whole."""
    problem = plain(problem)
    if as_json:
        lines = [{"host": each.host, "port": each.port, "use": each.use} for each in hosts]
        document = {"version": VERSION, "hosts": lines, "problem": problem}
        click.echo(json.dumps(document, indent=2))
        return
    width = max((len(each.host) for each in hosts), default=0)
    for each in hosts:
        click.echo(f"{each.host:{width}}  {each.port:<5}  {each.use}")
    if problem:
        click.echo(f"Easemob's hosts are missing: {problem}", err=True)


def _lines(finding: Finding) -> Sequence[str]:
    mark = click.style(f"{finding.level.value:{_WIDTH}}", fg=_COLOURS[finding.level])
    name = f"{finding.id} {finding.about}" if finding.about else finding.id
    more = (("means", finding.means), ("do", finding.do))
    indent = " " * _WIDTH
    return [f"{mark}  {name}: {finding.says}", *(f"{indent}    {word}: {said}" for word, said in more if said)]


def _fields(finding: Finding) -> Mapping[str, str]:
    return {
        "id": finding.id,
        "level": finding.level.value,
        "about": finding.about,
        "says": finding.says,
        "means": finding.means,
        "do": finding.do,
    }


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)
