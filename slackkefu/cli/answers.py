"""
What an operator answers to the questions of a configuration: from flags, files, standard input and the environment.

Each answer is read by its key's own reader at once. Nothing that is said of a wrong one shows a secret.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from slackkefu.errors import ConfigProblem
from slackkefu.keys import BY_NAME, KEYS, WrongValue, describe, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slackkefu.keys import Key

__all__ = ["Answers", "read_answer"]

WHO_IS_SERVED: Final = ("slack.bot_token", "slack.client_id", "slack.client_secret")
"""One workspace by its bot token, or many by OAuth: without any of these nobody is."""


def read_answer(key: Key, text: str) -> object:
    """
    Return what *text* means for *key*.

    Raises:
        WrongValue: It is not what the key takes; ``found`` says what it is instead.

    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongValue("UTF-8", found="bytes that are not UTF-8") from None
    try:
        return key.read(text)
    except WrongValue as exc:
        raise WrongValue(exc.expected, found=exc.found or describe(text, secret=key.secret)) from None


@final
class Answers:
    """All answers so far."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        """As their readers return them, by the keys' names."""
        self.elsewhere: set[str] = set()
        """Keys that were answered with nothing: their values come from another place."""
        self.shown: list[str] = []
        """Secrets that stood on the command line itself."""
        self.problems: list[ConfigProblem] = []
        self._read_stdin = False

    def __contains__(self, name: str) -> bool:
        return name in self.values or name in self.elsewhere

    def take(self, name: str, text: str, *, place: str = "") -> None:
        """Take one answer, *place* being where it came from; a wrong one is a problem."""
        if not text:
            self.values.pop(name, None)
            self.elsewhere.add(name)
            return
        try:
            value = read_answer(BY_NAME[name], text)
        except WrongValue as exc:
            self.problems.append(ConfigProblem(name, f"{exc.found}{f' (from {place})' if place else ''}", exc.expected))
        else:
            self.values[name] = value

    def take_flag(self, flag: str) -> None:
        """Take ``KEY=VALUE``; a value ``@FILE`` is in that file, ``-`` comes from standard input."""
        name, is_pair, text = flag.partition("=")
        if not is_pair or name not in BY_NAME:
            self.problems.append(unknown(name))
        elif text == "-":
            self._take_stdin(name)
        elif text.startswith("@"):
            self._take_file(name, Path(text[1:]))
        else:
            if BY_NAME[name].secret and text:
                self.shown.append(name)
            self.take(name, text, place="--set")

    def take_environment(self, environ: Mapping[str, str]) -> None:
        """Take the variables of all keys."""
        for key in KEYS:
            if environ.get(key.variable) and key.name not in self:
                self.take(key.name, environ[key.variable], place=f"${key.variable}")

    def missing(self) -> Iterator[ConfigProblem]:
        """Yield what has to be answered and was not, not even wrongly."""
        wrong = {problem.key for problem in self.problems}
        for key in KEYS:
            if key.required and key.name not in self and key.name not in wrong:
                yield ConfigProblem(key.name, "nothing", f"--set {key.name}=…, or ${key.variable} with --from-env")
        if not any(name in self or name in wrong for name in WHO_IS_SERVED):
            expected = "that of the one workspace; or slack.client_id and slack.client_secret, to install it in many"
            yield ConfigProblem("slack.bot_token", "nothing", expected)

    def _take_file(self, name: str, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as exc:
            found = f"a file that cannot be read ({exc.strerror})"
            self.problems.append(ConfigProblem(name, found, "@ and a file that holds the value"))
        except (UnicodeDecodeError, ValueError):
            self.problems.append(ConfigProblem(name, "a file that is not UTF-8", "@ and a file that holds the value"))
        else:
            self._take_content(name, text, place="its file")

    def _take_stdin(self, name: str) -> None:
        if self._read_stdin:
            self.problems.append(ConfigProblem(name, "- a second time", "one value from standard input"))
            return
        self._read_stdin = True
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError:
            self.problems.append(ConfigProblem(name, "bytes that are not UTF-8", "UTF-8"))
        else:
            self._take_content(name, text, place="standard input")

    def _take_content(self, name: str, text: str, *, place: str) -> None:
        """Take what a file or a pipe holds, without the line break at its end; nothing in it is no answer."""
        text = text.rstrip("\r\n")
        if text:
            self.take(name, text, place=place)
        else:
            self.problems.append(ConfigProblem(name, f"nothing (from {place})", "a value"))
