"""
The folder on disk: installations, visitors, tokens, as small JSON files replaced atomically.

::

    lock                              held by the one daemon that works here
    device.json                       the name of this store's one IM device
    installations/E…-T….json          the app in a workspace or organisation
    visitors/t…_u…_c….json            where a visitor's answers go
    tokens/app.json, tokens/users/…   tokens, kept so that a restart fetches none
    presence/E…-T….json               which channels the app is in, and since when
    alive.json                        how far Slack's messages have been seen, and when
    reserve                           room for marks on a full disk
    damaged/…                         what could not be read, under its old name

Everything here is synchronous and blocks on files; callers run it through ``World.disk``. Only
:mod:`slackkefu.store.tokens` is asynchronous itself. The folder is for its owner alone (0700, files 0600).
"""

from slackkefu.store.opened import Store, open_store
from slackkefu.store.records import Damage

__all__ = ["Damage", "Store", "open_store"]
