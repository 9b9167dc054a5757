"""Easemob's end: REST and addresses, and the desk's own API. The logins are in :mod:`slackkefu.parts.to_slack`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from slackkefu.bridge.forgetting.erasing import Erasing
from slackkefu.easemob.discovery import Endpoints
from slackkefu.easemob.names import AppKey, ImUser, im_user
from slackkefu.easemob.rest import RestClient
from slackkefu.kefu.desk_state import DeskState
from slackkefu.kefu.second_channel import SecondChannel

if TYPE_CHECKING:
    import trio

    from slackkefu.config import EasemobConfig
    from slackkefu.easemob.tokens import TokenStore
    from slackkefu.parts.core import Client, Core, Statistics
    from slackkefu.world import World

__all__ = ["EasemobEnd", "easemob_end", "rest_client"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EasemobEnd:
    """What speaks to Easemob and to the desk by HTTP."""

    app_key: AppKey
    service_number: ImUser
    endpoints: Endpoints
    rest: RestClient
    erasing: Erasing
    """Stands before the above for whoever logs visitors in."""
    second_channel: SecondChannel | None
    """The desk's own API, where it may be used."""
    desk_state: DeskState | None
    """So."""

    def clients(self) -> tuple[Client, ...]:
        """Return what is to be closed."""
        return tuple(each for each in (self.rest, self.second_channel, self.desk_state) if each is not None)

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        second = {} if self.second_channel is None else {"second_channel": self.second_channel.statistics}
        state = {} if self.desk_state is None else {"desk_state": self.desk_state.statistics}
        return {"easemob_rest": self.rest.statistics, **second, **state}


def easemob_end(core: Core, *, nursery: trio.Nursery) -> EasemobEnd:
    """
    Make what speaks to Easemob.

    Args:
        core: What every part may need.
        nursery: Where discovery and token requests run that several wait for.

    """
    config = core.config.easemob
    app_key, service_number = AppKey.parse(config.app_key), im_user(core.config.kefu.service_number)
    endpoints, rest = rest_client(config, core.world, core.store.tokens, nursery=nursery)
    second_channel, desk_state = _private_api(core, app_key, service_number, rest)
    return EasemobEnd(
        app_key=app_key,
        service_number=service_number,
        endpoints=endpoints,
        rest=rest,
        erasing=Erasing(world=core.world, store=core.store, book=core.book, users=rest),
        second_channel=second_channel,
        desk_state=desk_state,
    )


def rest_client(
    config: EasemobConfig, world: World, tokens: TokenStore, *, nursery: trio.Nursery
) -> tuple[Endpoints, RestClient]:
    """Make what calls Easemob's REST API, and what knows its addresses; a command needs no more of this end."""
    app_key = AppKey.parse(config.app_key)
    endpoints = Endpoints(
        world=world,
        nursery=nursery,
        app_key=app_key,
        rest_url=config.rest_url,
        websocket_url=config.websocket_url,
        discovery_url=config.discovery_url,
    )
    rest = RestClient(
        world=world,
        nursery=nursery,
        endpoints=endpoints,
        app_key=app_key,
        client_id=config.client_id,
        client_secret=config.client_secret,
        store=tokens,
    )
    return endpoints, rest


def _private_api(
    core: Core, app_key: AppKey, service_number: ImUser, tokens: RestClient
) -> tuple[SecondChannel, DeskState] | tuple[None, None]:
    """Make what calls the desk's own API, where it may be used."""
    config, world = core.config.kefu, core.world
    if not config.private_api:
        return None, None
    url, tenant_id = config.url, config.tenant_id
    second = SecondChannel(world=world, url=url, tenant_id=tenant_id, app_key=app_key, service_number=service_number)
    state = DeskState(
        world=world, url=url, tenant_id=tenant_id, app_key=app_key, service_number=service_number, tokens=tokens
    )
    return second, state
