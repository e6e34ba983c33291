"""Histories in pages, newest first."""

from typing import Final

import msgspec

from trigger_api.entrypoints import views
from trigger_api.entrypoints.bodies import BeforeVersion
from trigger_runtime.web.parameters import encode_cursor

_PAGE_BYTES: Final = 8 * 1024 * 1024
"""What a page holds at most, unless one event alone is larger."""


def event_page(
    documents: list[views.EventDocument], *, cursor: BeforeVersion | None, limit: int
) -> views.EventPage:
    """Return a page of a history, which is given in its order, newest first."""
    shown = [one for one in reversed(documents) if cursor is None or one.version < cursor.version]
    items, size = list[views.EventDocument](), 0
    for one in shown[:limit]:
        size += len(msgspec.json.encode(one))
        if items and size > _PAGE_BYTES:
            break
        items.append(one)
    more = len(shown) > len(items)
    return views.EventPage(
        items=items,
        next_cursor=encode_cursor(BeforeVersion(items[-1].version)) if more else None,
    )
