"""
Logs: one event, one line, ``key=value``, on standard error.

On a terminal or in a file a line begins with its UTC time; under systemd with the priority that the journal reads,
since the journal has its own clock. What libraries log joins in from *warning* on, by its template alone: its
arguments may be addresses with tickets in them. Of an exception a line has its kind and where it came from, never its
text, which may quote somebody's words.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TextIO, final

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from structlog.typing import EventDict, ExcInfo, WrappedLogger

__all__ = ["configure", "quiet"]

_LEVELS: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Names of levels, and syslog's numbers for them."""

MOST_FRAMES: Final = 30
"""Of one exception, the last ones; with those of all that it came from it is a line that can still be read."""


def configure(
    *,
    verbose: bool,
    stream: TextIO,
    environ: Mapping[str, str],
    hidden: tuple[type, ...] = (),
    quiet: bool = False,
) -> None:
    """
    Set up logging for the whole process.

    Args:
        verbose: Show *debug* too.
        stream: Where lines go.
        environ: Tells whether systemd's journal listens.
        hidden: Types whose values are never shown.
        quiet: Show nothing below *error*: for a command that says itself what it does.

    """
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    journal = bool(environ.get("JOURNAL_STREAM")) and not stream.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.ExceptionRenderer(_without_words),
            *([] if journal else [structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")]),
            _Plain(hidden),
            _Prefixed(journal=journal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,  # a module's logger may be older than this call
    )
    root = logging.getLogger()  # noqa: TID251 - the seam to the libraries' loggers
    root.handlers[:] = [_Bridge(logging.WARNING)]
    root.setLevel(logging.WARNING)


def quiet() -> None:
    """Log nothing, for a command that says on its own what it finds."""
    structlog.configure(processors=[_dropped], cache_logger_on_first_use=False)
    root = logging.getLogger()  # noqa: TID251 - as above
    root.handlers[:] = [logging.NullHandler()]


def _dropped(_logger: WrappedLogger, _method: str, _event: EventDict) -> EventDict:
    raise structlog.DropEvent


def _without_words(exc_info: ExcInfo) -> str:
    """Write an exception, those it came from and those it holds: where each was raised, and its kind."""
    _, fault, _ = exc_info
    return "\n".join(_faults(fault, seen=set()))


def _faults(fault: BaseException, *, seen: set[int]) -> Iterator[str]:
    seen.add(id(fault))
    origin = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    within = fault.exceptions if isinstance(fault, BaseExceptionGroup) else ()
    for each in (*([] if origin is None else [origin]), *within):
        if id(each) not in seen:
            yield from _faults(each, seen=seen)
    for frame in traceback.extract_tb(fault.__traceback__, limit=-MOST_FRAMES):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
    yield type(fault).__qualname__


@final
class _Plain:
    """Make every value one line of text for people, and hide what is to be hidden."""

    def __init__(self, hidden: tuple[type, ...]) -> None:
        self._hidden = hidden

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self._plain(value) for key, value in event.items()}

    def _plain(self, value: object) -> str | float | None:
        if isinstance(value, self._hidden):
            return "***"
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return ",".join(f"{key}:{self._plain(each)}" for key, each in value.items())
        if isinstance(value, list | tuple | set | frozenset):
            return ",".join(str(self._plain(each)) for each in value)
        # What a peer sent must not move the cursor of whoever reads the log.
        return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in str(value))


@final
class _Prefixed:
    """Write the line, for the journal with its priority before it."""

    def __init__(self, *, journal: bool) -> None:
        self._journal = journal
        self._render = structlog.processors.LogfmtRenderer(
            key_order=["time", "level", "event"], drop_missing=True, bool_as_flag=False
        )

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = f"<{_LEVELS.get(str(event['level']), 6)}>" if self._journal else ""
        return priority + self._render(logger, method, event)


@final
class _Bridge(logging.Handler):
    """Hand what a library logs to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the template of *record*, without its arguments."""
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().log(record.levelno, "library", logger=record.name, template=str(record.msg), fault=fault)
