"""Where a page of the API ends."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given as given_values
from hypothesis import strategies as st

from execution_recorder.entrypoints.views import CursorKey, cursor_key, page_key
from execution_recorder.ports import PageKey


@given_values(st.datetimes(timezones=st.just(UTC)))
def test_a_cursor_is_exact(at: datetime) -> None:
    key = PageKey(at=at, id=UUID(int=1))
    data = msgspec.json.encode(cursor_key(key))
    assert page_key(msgspec.json.decode(data, type=CursorKey)) == key
