"""Questions to an operator in a terminal: each says where its answer is found, and is asked again until it is one."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final, final

import click

from slackkefu.cli.answers import WHO_IS_SERVED, read_answer
from slackkefu.keys import BY_NAME, KEYS, WrongValue

if TYPE_CHECKING:
    from slackkefu.cli.answers import Answers

__all__ = ["ask"]

_INTRODUCTION: Final = """\
Questions to be answered from Slack's and Easemob's pages. Where there is no Slack app yet, slackkefu manifest prints
what makes it; it needs no configuration. What is secret does not show while it is typed. Ctrl-C ends this, and nothing
is written.
"""


def ask(answers: Answers) -> None:
    """
    Ask what is needed and not answered yet.

    Raises:
        click.Abort: By Ctrl-C, or at the end of the input.

    """
    click.echo(_INTRODUCTION)
    asking = _Asking(answers)
    asking.need("slack.app_token")
    if not any(name in answers for name in WHO_IS_SERVED):
        click.echo("\nIs the app for one workspace, or will it be installed in many?")
        many = (
            click.prompt("one or many", type=click.Choice(["one", "many"]), default="one", show_choices=False) == "many"
        )
        for name in WHO_IS_SERVED[1:] if many else WHO_IS_SERVED[:1]:
            asking.need(name)
    for name in ("easemob.app_key", "easemob.client_id", "easemob.client_secret"):
        asking.need(name)
    asking.offer_if(
        "Has Easemob given you addresses of your own: a VIP cluster, or the customer-service zone?",
        "own addresses",
        names=("easemob.rest_url", "easemob.websocket_url"),
    )
    asking.need("kefu.service_number")
    asking.offer_if(
        "Does this machine reach the outside only through a proxy?",
        "proxy",
        names=("network.proxy", "network.ca_bundle"),
    )
    asking.offer("store.path")


@final
class _Asking:
    """Asks for keys, and says what each is, once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._said = ""

    def need(self, name: str) -> None:
        """Ask until there is an answer."""
        self._ask(name, default=None)

    def offer(self, name: str) -> None:
        """Ask; nothing is an answer too."""
        self._ask(name, default="")

    def offer_if(self, question: str, label: str, *, names: tuple[str, ...]) -> None:
        """Ask for what few need, if it is needed and nothing of it was answered."""
        if any(name in self._answers for name in names):
            return
        click.echo(f"\n{question}")
        if click.confirm(label, default=False):
            for name in names:
                self.offer(name)

    def _ask(self, name: str, *, default: str | None) -> None:
        if name in self._answers:
            return
        key = BY_NAME[name]
        self._explain(name)
        label = f"{name} (empty for the default)" if default is not None else name
        while name not in self._answers:
            text = str(click.prompt(label, hide_input=key.secret, default=default, show_default=False)).strip()
            if not text and default is not None:
                return
            try:
                self._answers.values[name] = read_answer(key, text)
            except WrongValue as exc:
                click.echo(f"Found {exc.found}; expected {exc.expected}.")

    def _explain(self, name: str) -> None:
        """Say what is said of a key in the commented configuration."""
        before = [key.doc for key in takewhile(lambda key: key.name != name, KEYS) if key.doc]
        words = BY_NAME[name].doc or before[-1]
        if words != self._said:
            self._said = words
            click.echo("\n" + "\n".join(click.wrap_text(line, 100) for line in words.splitlines()))
