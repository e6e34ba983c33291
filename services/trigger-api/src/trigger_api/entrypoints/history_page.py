"""Pages of a history, newest first."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from trigger_api.domain.aggregate import Recorded
from trigger_api.domain.history import Changes, summary
from trigger_api.entrypoints.request_models import BeforeVersion
from trigger_api.entrypoints.response_models import CauseDocument, ChangeDocument, EventDocument, EventPage
from trigger_runtime.web.parameters import encode_cursor

_PAGE_BYTES: Final = 8 * 1024 * 1024
"""What a page holds at most, unless one event alone is larger."""


def event_page(
    history: Iterable[tuple[Recorded[Any], Changes]], *, cursor: BeforeVersion | None, limit: int
) -> EventPage:
    """Return a page of a history, which is given in its order, newest first."""
    events = [_event_document(recorded, changes=changes) for recorded, changes in history]
    shown = [one for one in reversed(events) if cursor is None or one.version < cursor.version]
    items, size = list[EventDocument](), 0
    for one in shown[:limit]:
        size += len(msgspec.json.encode(one))
        if items and size > _PAGE_BYTES:
            break
        items.append(one)
    more = len(shown) > len(items)
    return EventPage(
        items=items,
        next_cursor=encode_cursor(BeforeVersion(items[-1].version)) if more else None,
    )


def _event_document(recorded: Recorded[Any], *, changes: Changes) -> EventDocument:
    # Events name secrets by id and never hold one.
    cause = recorded.cause
    return EventDocument(
        version=recorded.version,
        type=recorded.name,
        at=recorded.at,
        actor=recorded.author.actor,
        request_id=recorded.author.request_id,
        summary=summary(changes),
        changes={
            pointer: ChangeDocument(
                before=change.get("from", msgspec.UNSET), after=change.get("to", msgspec.UNSET)
            )
            for pointer, change in changes.items()
        },
        caused_by=CauseDocument(id=cause.stream_id, version=cause.version) if cause else None,
    )
