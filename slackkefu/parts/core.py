"""What every part may need: the configuration, the world, the store, and who is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

    from slackkefu.bridge.book import Book
    from slackkefu.config import Config
    from slackkefu.slack.installation import Installations
    from slackkefu.store import Store
    from slackkefu.world import World

__all__ = ["Client", "Core", "Statistics", "each"]

P = ParamSpec("P")

Statistics: TypeAlias = "Mapping[str, Callable[[], DataclassInstance]]"
"""What tells how each part is, by name; the names are those of the metrics, so never changed."""


class Client(Protocol):
    """What holds connections, and is closed after everything that calls it has ended."""

    async def aclose(self) -> None:
        """Close them."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What is there before the first part is made."""

    config: Config
    world: World
    store: Store
    installations: Installations
    """Who installed the app."""
    book: Book
    """The visitors' records."""


def each(*told: Callable[P, None]) -> Callable[P, None]:
    """Return what tells everybody the same."""

    def tell(*args: P.args, **kwargs: P.kwargs) -> None:
        for one in told:
            one(*args, **kwargs)

    return tell
