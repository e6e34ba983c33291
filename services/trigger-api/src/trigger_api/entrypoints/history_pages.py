"""Histories in pages, newest first."""

import msgspec

from trigger_api.entrypoints import views
from trigger_runtime.web import queries


class BeforeVersion(msgspec.Struct, frozen=True):
    """A page cursor in a history: the version of the last item."""

    version: int


def event_page(
    documents: list[views.EventDocument], *, cursor: BeforeVersion | None, limit: int
) -> views.EventPage:
    """Return a page of a history, which is given in its order, newest first."""
    shown = [one for one in reversed(documents) if cursor is None or one.version < cursor.version]
    items = shown[:limit]
    more = len(shown) > limit
    return views.EventPage(
        items=items,
        next_cursor=queries.encode_cursor(BeforeVersion(items[-1].version)) if more else None,
    )
