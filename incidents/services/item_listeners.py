"""Who is told of action items once a change of one is committed: a tracker that mirrors them, channels
that remind people. A listener makes no network call itself; it enqueues one."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from incidents.models import ActionItem

# Gets the item and what became of it: added, changed, done, dropped, reopened or reminded.
Listener = Callable[[ActionItem, str], object]
LISTENERS: list[Listener] = []


def tell(item: ActionItem, what: str) -> None:
    for listener in LISTENERS:
        transaction.on_commit(partial(listener, item, what), robust=True)
