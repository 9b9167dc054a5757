"""Everything that the running daemon can be asked for, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.operating.installations import InstallationDeeds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.control import Handler
    from slackkefu.parts import Parts

__all__ = ["handlers"]


def handlers(parts: Parts) -> Mapping[str, Handler]:
    """Return the handlers of a daemon made of *parts*, which have been started."""
    core = parts.core
    installations = InstallationDeeds(
        installations=core.installations,
        installing=parts.installing,
        store=core.store.installations,
        visitors=lambda: core.book,
        disk=core.world.disk,
    )
    return {**installations.handlers(), **parts.leaving.forgetting.handlers()}
